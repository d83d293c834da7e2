CREATE INDEX accounts_by_created_at ON accounts (created_at);
CREATE INDEX accounts_by_updated_at ON accounts (updated_at);
