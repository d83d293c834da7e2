-- The documents of sessions that are small enough for the database. Lists do not
-- read this table. The name in audios.file_object is then that of keptName.
CREATE TABLE documents (
	session_id INTEGER PRIMARY KEY,
	content    BLOB NOT NULL
) STRICT;

DROP VIEW referenced_objects;
CREATE VIEW referenced_objects (name, sha256) AS
	SELECT file_object, file_sha256 FROM audios WHERE file_object NOT IN ('', session_id || '/kept.json');
