-- AUTOINCREMENT: a sequence number is never given twice, also after a purge.
CREATE TABLE event_log (
	seq         INTEGER PRIMARY KEY AUTOINCREMENT,
	time        INTEGER NOT NULL, -- microseconds since 1970, UTC
	subject     TEXT    NOT NULL,
	version     INTEGER NOT NULL,
	type        TEXT    NOT NULL,
	data        TEXT    NOT NULL,
	traceparent TEXT    NOT NULL,
	UNIQUE (subject, version)
) STRICT;

-- The position up to which the relay has published. One row.
CREATE TABLE event_log_published (
	shard INTEGER PRIMARY KEY,
	seq   INTEGER NOT NULL
) STRICT;
