-- The numbers of shards in which the log has been stored since there were more
-- than 16. The highest is in force.
CREATE TABLE IF NOT EXISTS EventLogShards (
	Shards  INT64     NOT NULL,
	AddedAt TIMESTAMP NOT NULL OPTIONS (allow_commit_timestamp = true),
) PRIMARY KEY (Shards);

-- Whether the replica notices that shards are added. NULL: its release does not.
ALTER TABLE EventLogReplicas ADD COLUMN IF NOT EXISTS NoticesShards BOOL;
