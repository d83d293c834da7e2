-- The objects to which rows refer, with the hashes of their content. A backup
-- copies them.
CREATE VIEW referenced_objects (name, sha256) AS
	SELECT file_object, file_sha256 FROM audios WHERE file_object <> '';
