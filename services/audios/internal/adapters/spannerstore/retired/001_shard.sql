-- Migration 007 has their successors.
DROP INDEX IF EXISTS AudiosByAccount;
DROP INDEX IF EXISTS AudiosBySelectedTick;
DROP INDEX IF EXISTS AudiosByStepCount;
DROP INDEX IF EXISTS AudiosBySelectedTickAndStepCount;
DROP INDEX IF EXISTS AudiosBySessionIdDesc;
DROP INDEX IF EXISTS AudiosByCreatedAt;
DROP INDEX IF EXISTS AudiosByCreatedAtDesc;
DROP INDEX IF EXISTS AudiosByUpdatedAt;
DROP INDEX IF EXISTS AudiosByUpdatedAtDesc;
DROP INDEX IF EXISTS AudiosByOwner;
DROP INDEX IF EXISTS AudiosByOwnerDesc;
DROP INDEX IF EXISTS AudiosByOwnerAndCreatedAt;
DROP INDEX IF EXISTS AudiosByOwnerAndCreatedAtDesc;
DROP INDEX IF EXISTS AudiosByOwnerAndUpdatedAt;
DROP INDEX IF EXISTS AudiosByOwnerAndUpdatedAtDesc;
