-- The documents of sessions that are small enough for the database. The name in
-- Audios.FileObject is then that of keptName. The table is not interleaved in
-- Audios, because lists in the order of ids would read past the documents. The
-- foreign key deletes a document with its session, also if a replica of an
-- earlier release deletes the session.
CREATE TABLE IF NOT EXISTS Documents (
	SessionId INT64      NOT NULL,
	Content   BYTES(MAX) NOT NULL,
	CONSTRAINT DocumentsOfAudios FOREIGN KEY (SessionId) REFERENCES Audios (SessionId) ON DELETE CASCADE,
) PRIMARY KEY (SessionId);
