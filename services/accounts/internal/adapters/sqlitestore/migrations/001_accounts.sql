CREATE TABLE accounts (
	id         INTEGER PRIMARY KEY,
	name       TEXT    NOT NULL,
	email      TEXT    NOT NULL UNIQUE,
	address    TEXT    NOT NULL,
	image      TEXT,             -- JSON of domain.Image
	version    INTEGER NOT NULL,
	created_at INTEGER NOT NULL, -- microseconds since 1970, UTC
	updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX accounts_by_name ON accounts (name);
CREATE INDEX accounts_by_address ON accounts (address);

-- Objects that no account refers to any more and that are still to be deleted.
CREATE TABLE discarded_images (
	account_id INTEGER NOT NULL,
	object     TEXT    NOT NULL,
	PRIMARY KEY (account_id, object)
) STRICT, WITHOUT ROWID;
