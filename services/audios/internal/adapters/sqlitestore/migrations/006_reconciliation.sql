-- How far the feed of accounts has been read. The table has at most one row.
CREATE TABLE reconciliation (
	one   INTEGER PRIMARY KEY CHECK (one = 1),
	state TEXT NOT NULL -- JSON of internal/record
) STRICT;
