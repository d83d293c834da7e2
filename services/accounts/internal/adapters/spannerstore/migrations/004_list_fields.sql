-- A list tests these fields of the entries that it visits. Without them it would
-- read the row of each entry.
ALTER INDEX AccountsByName ADD STORED COLUMN Address;
ALTER INDEX AccountsByAddress ADD STORED COLUMN Name;
ALTER INDEX AccountsByIdDesc ADD STORED COLUMN Name;
ALTER INDEX AccountsByIdDesc ADD STORED COLUMN Address;
ALTER INDEX AccountsByCreatedAt ADD STORED COLUMN Name;
ALTER INDEX AccountsByCreatedAt ADD STORED COLUMN Address;
ALTER INDEX AccountsByCreatedAtDesc ADD STORED COLUMN Name;
ALTER INDEX AccountsByCreatedAtDesc ADD STORED COLUMN Address;
ALTER INDEX AccountsByUpdatedAt ADD STORED COLUMN Name;
ALTER INDEX AccountsByUpdatedAt ADD STORED COLUMN Address;
ALTER INDEX AccountsByUpdatedAtDesc ADD STORED COLUMN Name;
ALTER INDEX AccountsByUpdatedAtDesc ADD STORED COLUMN Address;
