-- The events in the order of their commits, in 16 shards, so that writes at the
-- end of the table spread. Subject and Version make up an event's id; Version
-- orders what one transaction tells of one subject.
CREATE TABLE IF NOT EXISTS EventLog (
	Shard           INT64       NOT NULL,
	CommitTimestamp TIMESTAMP   NOT NULL OPTIONS (allow_commit_timestamp = true),
	Subject         STRING(MAX) NOT NULL,
	Version         INT64       NOT NULL,
	Type            STRING(MAX) NOT NULL,
	Payload         STRING(MAX) NOT NULL, -- JSON, byte for byte
	Traceparent     STRING(MAX) NOT NULL,
) PRIMARY KEY (Shard, CommitTimestamp, Subject, Version),
  ROW DELETION POLICY (OLDER_THAN(CommitTimestamp, INTERVAL 90 DAY));

-- Serves the history of a subject and its redaction.
CREATE UNIQUE INDEX IF NOT EXISTS EventLogBySubject ON EventLog (Shard, Subject, Version);

-- The position up to which the relay has published.
CREATE TABLE IF NOT EXISTS EventLogPublished (
	Shard  INT64       NOT NULL,
	Cursor STRING(MAX) NOT NULL,
) PRIMARY KEY (Shard);
