CREATE TABLE installation (
	one         INTEGER PRIMARY KEY CHECK (one = 1),
	id          TEXT    NOT NULL,
	generation  INTEGER NOT NULL,
	bound       INTEGER NOT NULL, -- 1 once an object store has a marker with this id
	keep_before INTEGER NOT NULL  -- microseconds since 1970, UTC; 0 if never adopted
) STRICT;
