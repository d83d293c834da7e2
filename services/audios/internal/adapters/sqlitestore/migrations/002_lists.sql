CREATE INDEX audios_by_created_at ON audios (created_at);
CREATE INDEX audios_by_updated_at ON audios (updated_at);
