ALTER TABLE accounts ADD COLUMN owner TEXT; -- the caller that created it

-- One index for each order of the list of an owner.
CREATE INDEX accounts_by_owner ON accounts (owner) WHERE owner IS NOT NULL;
CREATE INDEX accounts_by_owner_and_created_at ON accounts (owner, created_at) WHERE owner IS NOT NULL;
CREATE INDEX accounts_by_owner_and_updated_at ON accounts (owner, updated_at) WHERE owner IS NOT NULL;
