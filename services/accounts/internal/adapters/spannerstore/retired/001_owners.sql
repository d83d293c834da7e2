-- Migration 005 has their successors.
DROP INDEX IF EXISTS AccountsByOwner;
DROP INDEX IF EXISTS AccountsByOwnerDesc;
DROP INDEX IF EXISTS AccountsByOwnerAndCreatedAt;
DROP INDEX IF EXISTS AccountsByOwnerAndCreatedAtDesc;
DROP INDEX IF EXISTS AccountsByOwnerAndUpdatedAt;
DROP INDEX IF EXISTS AccountsByOwnerAndUpdatedAtDesc;
