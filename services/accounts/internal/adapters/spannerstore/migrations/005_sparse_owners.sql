-- An account without an owner has no entry here.
CREATE INDEX IF NOT EXISTS AccountsOfOwner ON Accounts (Owner) WHERE Owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS AccountsOfOwnerDesc ON Accounts (Owner, Id DESC) WHERE Owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS AccountsOfOwnerByCreatedAt ON Accounts (Owner, Shard, CreatedAt) WHERE Owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS AccountsOfOwnerByCreatedAtDesc ON Accounts (Owner, Shard, CreatedAt DESC, Id DESC) WHERE Owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS AccountsOfOwnerByUpdatedAt ON Accounts (Owner, Shard, UpdatedAt) WHERE Owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS AccountsOfOwnerByUpdatedAtDesc ON Accounts (Owner, Shard, UpdatedAt DESC, Id DESC) WHERE Owner IS NOT NULL;
