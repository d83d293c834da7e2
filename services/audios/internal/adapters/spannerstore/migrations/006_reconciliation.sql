-- How far the feed of accounts has been read. The table has at most one row.
CREATE TABLE IF NOT EXISTS Reconciliation (
	One   INT64       NOT NULL,
	State STRING(MAX) NOT NULL, -- JSON of internal/record
) PRIMARY KEY (One);
