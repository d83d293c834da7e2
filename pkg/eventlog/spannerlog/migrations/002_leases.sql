-- Who publishes a shard. The epoch changes with the owner, and who saves a cursor
-- has to know it. NULL: nobody so far.
ALTER TABLE EventLogPublished ADD COLUMN IF NOT EXISTS Owner STRING(MAX);
ALTER TABLE EventLogPublished ADD COLUMN IF NOT EXISTS Epoch INT64;

-- The replicas that publish, and until when each is taken for alive, and with it
-- the owner of its shards.
CREATE TABLE IF NOT EXISTS EventLogReplicas (
	Replica STRING(MAX) NOT NULL,
	Expires TIMESTAMP   NOT NULL,
) PRIMARY KEY (Replica);
