-- The subjects of the resources that a record tells of, in the order of its
-- parts; an empty one for a part that tells of none. NULL in a record that was
-- made before there were parts, which has its Result.
ALTER TABLE IdempotencyKeys ADD COLUMN IF NOT EXISTS Subjects ARRAY<STRING(MAX)>;

-- The parts. A transaction that erases a resource deletes the rows of its
-- subject without reading them.
CREATE TABLE IF NOT EXISTS IdempotencyResults (
	Subject   STRING(MAX) NOT NULL,
	Id        BYTES(32)   NOT NULL, -- of the record
	Place     INT64       NOT NULL, -- from 0
	Result    BYTES(MAX)  NOT NULL, -- JSON
	CreatedAt TIMESTAMP   NOT NULL,
) PRIMARY KEY (Subject, Id, Place), ROW DELETION POLICY (OLDER_THAN(CreatedAt, INTERVAL 1 DAY));
