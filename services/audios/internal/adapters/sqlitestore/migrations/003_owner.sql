ALTER TABLE audios ADD COLUMN owner TEXT; -- the caller that created it

-- One index for each order of the list of an owner.
CREATE INDEX audios_by_owner ON audios (owner) WHERE owner IS NOT NULL;
CREATE INDEX audios_by_owner_and_created_at ON audios (owner, created_at) WHERE owner IS NOT NULL;
CREATE INDEX audios_by_owner_and_updated_at ON audios (owner, updated_at) WHERE owner IS NOT NULL;

-- The owners of accounts that have one, as their events reported them.
CREATE TABLE account_owners (
	account_id INTEGER PRIMARY KEY,
	owner      TEXT NOT NULL
) STRICT;
