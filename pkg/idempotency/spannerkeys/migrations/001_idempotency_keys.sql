-- The key is a hash, so writes spread.
CREATE TABLE IF NOT EXISTS IdempotencyKeys (
	Id        BYTES(32)  NOT NULL, -- SHA-256 of scope and key
	Body      BYTES(32)  NOT NULL, -- SHA-256 of what was sent
	Result    BYTES(MAX) NOT NULL, -- JSON
	CreatedAt TIMESTAMP  NOT NULL,
) PRIMARY KEY (Id), ROW DELETION POLICY (OLDER_THAN(CreatedAt, INTERVAL 1 DAY));
