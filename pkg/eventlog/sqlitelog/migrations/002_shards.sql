-- The shard of an event is that of eventlog.Shard: the 32-bit FNV-1a hash of its
-- subject, which is ASCII, mod 16. SQLite has no XOR: a ^ b = (a | b) - (a & b).
ALTER TABLE event_log ADD COLUMN shard INTEGER NOT NULL DEFAULT 0;

UPDATE event_log SET shard = (
	WITH RECURSIVE fnv (hash, byte, rest) AS (
		SELECT 2166136261, unicode(subject), substr(subject, 2)
		UNION ALL
		SELECT (((hash | byte) - (hash & byte)) * 16777619) & 4294967295, unicode(rest), substr(rest, 2)
		FROM fnv WHERE byte IS NOT NULL
	)
	SELECT hash % 16 FROM fnv WHERE byte IS NULL
);

-- Serves the relay. The sequence number follows by itself.
CREATE INDEX event_log_by_shard ON event_log (shard);

-- What was published of all is published of each.
INSERT INTO event_log_published (shard, seq)
SELECT shard.value, seq FROM event_log_published, json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]') AS shard
WHERE event_log_published.shard = 0;
