CREATE TABLE audios (
	session_id    INTEGER PRIMARY KEY,
	account_id    INTEGER,
	ticks         BLOB    NOT NULL, -- 15 float64, little-endian
	selected_tick INTEGER NOT NULL,
	step_count    INTEGER NOT NULL,
	file_object   TEXT    NOT NULL,
	file_bytes    INTEGER NOT NULL,
	file_sha256   TEXT    NOT NULL,
	version       INTEGER NOT NULL,
	created_at    INTEGER NOT NULL, -- microseconds since 1970, UTC
	updated_at    INTEGER NOT NULL
) STRICT;

-- An index ends in the session_id, which is the order of every list.
CREATE INDEX audios_by_account ON audios (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX audios_by_selected_tick ON audios (selected_tick);
CREATE INDEX audios_by_step_count ON audios (step_count);
CREATE INDEX audios_by_selected_tick_and_step_count ON audios (selected_tick, step_count);

-- The last version of each session that is deleted, for one created anew.
CREATE TABLE deleted_audios (
	session_id INTEGER PRIMARY KEY,
	version    INTEGER NOT NULL
) STRICT;

-- Accounts that are gone and that no session may be of.
CREATE TABLE deleted_accounts (
	account_id INTEGER PRIMARY KEY
) STRICT;

-- Objects that no audio refers to any more and that are still to be deleted.
CREATE TABLE discarded_files (
	session_id INTEGER NOT NULL,
	object     TEXT    NOT NULL,
	PRIMARY KEY (session_id, object)
) STRICT, WITHOUT ROWID;
