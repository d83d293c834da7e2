ALTER TABLE Installation ADD COLUMN IF NOT EXISTS Sweep STRING(MAX); -- custody.Progress as JSON
