-- Times only grow: what is in their order is spread over shards, each of which
-- a list reads.
ALTER TABLE Accounts ADD COLUMN IF NOT EXISTS Shard INT64 AS (MOD(Id, 16)) STORED;

-- Spanner reads an index in its own direction alone.
CREATE INDEX IF NOT EXISTS AccountsByIdDesc ON Accounts (Id DESC);
CREATE INDEX IF NOT EXISTS AccountsByCreatedAt ON Accounts (Shard, CreatedAt);
CREATE INDEX IF NOT EXISTS AccountsByCreatedAtDesc ON Accounts (Shard, CreatedAt DESC, Id DESC);
CREATE INDEX IF NOT EXISTS AccountsByUpdatedAt ON Accounts (Shard, UpdatedAt);
CREATE INDEX IF NOT EXISTS AccountsByUpdatedAtDesc ON Accounts (Shard, UpdatedAt DESC, Id DESC);
