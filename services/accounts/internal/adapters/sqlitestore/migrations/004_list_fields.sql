-- Each index has the fields that its lists test, so that a list visits entries
-- of an index and not rows. The id is in every entry.
DROP INDEX accounts_by_name;
DROP INDEX accounts_by_address;
DROP INDEX accounts_by_created_at;
DROP INDEX accounts_by_updated_at;
CREATE INDEX accounts_by_name ON accounts (name, id, address, updated_at);
CREATE INDEX accounts_by_address ON accounts (address, id, name, updated_at);
CREATE INDEX accounts_by_created_at ON accounts (created_at, id, name, address, updated_at);
CREATE INDEX accounts_by_updated_at ON accounts (updated_at, id, name, address);
