CREATE TABLE idempotency_keys (
	id         BLOB    NOT NULL PRIMARY KEY, -- SHA-256 of scope and key
	body       BLOB    NOT NULL,             -- SHA-256 of what was sent
	result     TEXT    NOT NULL,             -- JSON
	created_at INTEGER NOT NULL              -- microseconds since 1970, UTC
) STRICT;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
