ALTER TABLE Audios ADD COLUMN IF NOT EXISTS Owner STRING(2048); -- the caller that created it

-- One index for each order of the list of an owner. A service may be the owner
-- of all audios, so times are spread over shards here, too.
CREATE INDEX IF NOT EXISTS AudiosByOwner ON Audios (Owner);
CREATE INDEX IF NOT EXISTS AudiosByOwnerDesc ON Audios (Owner, SessionId DESC);
CREATE INDEX IF NOT EXISTS AudiosByOwnerAndCreatedAt ON Audios (Owner, Shard, CreatedAt);
CREATE INDEX IF NOT EXISTS AudiosByOwnerAndCreatedAtDesc ON Audios (Owner, Shard, CreatedAt DESC, SessionId DESC);
CREATE INDEX IF NOT EXISTS AudiosByOwnerAndUpdatedAt ON Audios (Owner, Shard, UpdatedAt);
CREATE INDEX IF NOT EXISTS AudiosByOwnerAndUpdatedAtDesc ON Audios (Owner, Shard, UpdatedAt DESC, SessionId DESC);

-- The owners of accounts that have one, as their events reported them.
CREATE TABLE IF NOT EXISTS AccountOwners (
	AccountId INT64        NOT NULL,
	Owner     STRING(2048) NOT NULL,
) PRIMARY KEY (AccountId);
