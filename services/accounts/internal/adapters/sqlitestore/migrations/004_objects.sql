-- The objects to which rows refer, with the hashes of their content. A backup
-- copies them.
CREATE VIEW referenced_objects (name, sha256) AS
	SELECT image ->> 'object', image ->> 'sha256' FROM accounts WHERE image IS NOT NULL;
