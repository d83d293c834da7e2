-- The documents of sessions, in the order in which they were written. Session ids
-- come in no order: with them as the key, nearly each document would change a page
-- of its own.
CREATE TABLE file_contents (
	id      INTEGER PRIMARY KEY,
	content BLOB NOT NULL
) STRICT;

-- The document of the session. If it is NULL, and file_object is that of
-- keptName, the document is in the table documents.
ALTER TABLE audios ADD COLUMN file_content_id INTEGER;

CREATE TRIGGER audios_deleted AFTER DELETE ON audios BEGIN
	DELETE FROM file_contents WHERE id = OLD.file_content_id;
END;
CREATE TRIGGER audios_content_replaced AFTER UPDATE OF file_content_id ON audios WHEN OLD.file_content_id IS NOT NEW.file_content_id BEGIN
	DELETE FROM file_contents WHERE id = OLD.file_content_id;
END;

-- The file is an object, or there is none any more.
CREATE TRIGGER audios_file_replaced AFTER UPDATE OF file_object ON audios WHEN OLD.file_content_id IS NOT NULL AND OLD.file_object <> NEW.file_object BEGIN
	UPDATE audios SET file_content_id = NULL WHERE session_id = NEW.session_id;
END;
-- Only an earlier release inserts into documents.
CREATE TRIGGER documents_inserted AFTER INSERT ON documents BEGIN
	UPDATE audios SET file_content_id = NULL WHERE session_id = NEW.session_id;
END;
