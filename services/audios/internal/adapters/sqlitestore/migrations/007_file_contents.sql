-- The documents of sessions, in the order in which they were written. In the
-- order of session ids, which come in no order, nearly each of them would change
-- a page of its own.
CREATE TABLE file_contents (
	id      INTEGER PRIMARY KEY,
	content BLOB NOT NULL
) STRICT;

-- The document of the session. If it is NULL, and file_object is that of
-- keptName, the document is in the table documents.
ALTER TABLE audios ADD COLUMN file_content INTEGER;

CREATE TRIGGER audios_deleted AFTER DELETE ON audios WHEN OLD.file_content IS NOT NULL BEGIN
	DELETE FROM file_contents WHERE id = OLD.file_content;
END;
CREATE TRIGGER audios_file_replaced AFTER UPDATE OF file_content ON audios WHEN OLD.file_content IS NOT NULL BEGIN
	DELETE FROM file_contents WHERE id = OLD.file_content AND id IS NOT NEW.file_content;
END;

-- Only an earlier release inserts into documents.
CREATE TRIGGER documents_inserted AFTER INSERT ON documents BEGIN
	UPDATE audios SET file_content = NULL WHERE session_id = NEW.session_id;
END;
