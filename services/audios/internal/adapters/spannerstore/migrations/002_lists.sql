-- Times only grow: what is in their order is spread over shards, each of which
-- a list reads.
ALTER TABLE Audios ADD COLUMN IF NOT EXISTS Shard INT64 AS (MOD(SessionId, 16)) STORED;

-- Spanner reads an index in its own direction alone.
CREATE INDEX IF NOT EXISTS AudiosBySessionIdDesc ON Audios (SessionId DESC);
CREATE INDEX IF NOT EXISTS AudiosByCreatedAt ON Audios (Shard, CreatedAt);
CREATE INDEX IF NOT EXISTS AudiosByCreatedAtDesc ON Audios (Shard, CreatedAt DESC, SessionId DESC);
CREATE INDEX IF NOT EXISTS AudiosByUpdatedAt ON Audios (Shard, UpdatedAt);
CREATE INDEX IF NOT EXISTS AudiosByUpdatedAtDesc ON Audios (Shard, UpdatedAt DESC, SessionId DESC);
