CREATE TABLE IF NOT EXISTS Installation (
	One        INT64       NOT NULL, -- the table has one row
	Id         STRING(MAX) NOT NULL,
	Generation INT64       NOT NULL,
	Bound      BOOL        NOT NULL, -- once an object store has a marker with this id
	KeepBefore TIMESTAMP,            -- NULL if never adopted
) PRIMARY KEY (One);
