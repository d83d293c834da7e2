ALTER TABLE installation ADD COLUMN sweep TEXT NOT NULL DEFAULT '{}'; -- custody.Progress as JSON
