ALTER TABLE Accounts ADD COLUMN IF NOT EXISTS Owner STRING(2048); -- the caller that created it

-- One index for each order of the list of an owner. A service may be the owner
-- of all accounts, so times are spread over shards here, too.
CREATE INDEX IF NOT EXISTS AccountsByOwner ON Accounts (Owner);
CREATE INDEX IF NOT EXISTS AccountsByOwnerDesc ON Accounts (Owner, Id DESC);
CREATE INDEX IF NOT EXISTS AccountsByOwnerAndCreatedAt ON Accounts (Owner, Shard, CreatedAt);
CREATE INDEX IF NOT EXISTS AccountsByOwnerAndCreatedAtDesc ON Accounts (Owner, Shard, CreatedAt DESC, Id DESC);
CREATE INDEX IF NOT EXISTS AccountsByOwnerAndUpdatedAt ON Accounts (Owner, Shard, UpdatedAt);
CREATE INDEX IF NOT EXISTS AccountsByOwnerAndUpdatedAtDesc ON Accounts (Owner, Shard, UpdatedAt DESC, Id DESC);
