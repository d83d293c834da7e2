-- What a record tells of resources is kept apart, so that it can be erased with
-- them. A record that was made before has no parts and keeps its result.
ALTER TABLE idempotency_keys ADD COLUMN parts INTEGER;

CREATE TABLE idempotency_results (
	id      BLOB    NOT NULL REFERENCES idempotency_keys (id) ON DELETE CASCADE,
	place   INTEGER NOT NULL,
	subject TEXT    NOT NULL, -- of the resource's events; empty if there is none
	result  TEXT    NOT NULL, -- JSON
	PRIMARY KEY (id, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_results_by_subject ON idempotency_results (subject);
