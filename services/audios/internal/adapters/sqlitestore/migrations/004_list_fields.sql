-- Each index has the fields that its lists test, so that a list visits entries
-- of an index and not rows. The session_id is in every entry.
DROP INDEX audios_by_account;
DROP INDEX audios_by_created_at;
DROP INDEX audios_by_updated_at;
CREATE INDEX audios_by_account ON audios (account_id, session_id, selected_tick, step_count, updated_at) WHERE account_id IS NOT NULL;
CREATE INDEX audios_by_session_id ON audios (session_id, account_id, selected_tick, step_count, updated_at);
CREATE INDEX audios_by_created_at ON audios (created_at, session_id, account_id, selected_tick, step_count, updated_at);
CREATE INDEX audios_by_updated_at ON audios (updated_at, session_id, account_id, selected_tick, step_count);
