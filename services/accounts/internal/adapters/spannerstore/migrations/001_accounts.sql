-- Ids are random, so that writes spread.
CREATE TABLE IF NOT EXISTS Accounts (
	Id        INT64        NOT NULL,
	Name      STRING(1024) NOT NULL,
	Email     STRING(320)  NOT NULL,
	Address   STRING(1024) NOT NULL,
	Image     STRING(MAX),           -- JSON of domain.Image
	Version   INT64        NOT NULL,
	CreatedAt TIMESTAMP    NOT NULL,
	UpdatedAt TIMESTAMP    NOT NULL,
) PRIMARY KEY (Id);

-- An index ends in the table's key, so a list by it is in the order of the ids.
CREATE UNIQUE INDEX IF NOT EXISTS AccountsByEmail ON Accounts (Email);
CREATE INDEX IF NOT EXISTS AccountsByName ON Accounts (Name);
CREATE INDEX IF NOT EXISTS AccountsByAddress ON Accounts (Address);

-- Objects that no account refers to any more and that are still to be deleted.
CREATE TABLE IF NOT EXISTS DiscardedImages (
	AccountId INT64       NOT NULL,
	Object    STRING(MAX) NOT NULL,
) PRIMARY KEY (AccountId, Object);
