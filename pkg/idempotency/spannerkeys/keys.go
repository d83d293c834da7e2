// Package spannerkeys records the results of requests in a Spanner database.
package spannerkeys

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the migrations of the table of records. Spanner itself
// deletes the records that are older than idempotency.Retention.
func Migrations() spannerdb.Migrations {
	return spannerdb.Migrations{Component: "idempotency", Files: migrations}
}

// Keys accesses the records in a database that was migrated with Migrations.
type Keys struct {
	now func() time.Time
}

// New returns Keys whose records age by now.
func New(now func() time.Time) *Keys { return &Keys{now: now} }

// Rows is the column that Select adds to a query: one row, or none.
type Rows []*struct {
	Body      []byte
	Result    []byte // of a record that was made before there were parts
	Undivided bool
	Parts     [][]byte
}

// The names part_subject and part_place differ from the columns: SQL ignores the
// case of names, and a column comes first.
const (
	column = `ARRAY(SELECT AS STRUCT k.Body, k.Result, k.Subjects IS NULL AS Undivided,
		ARRAY(SELECT (SELECT r.Result FROM IdempotencyResults r WHERE r.Subject = part_subject AND r.Id = k.Id AND r.Place = part_place)
			FROM UNNEST(k.Subjects) part_subject WITH OFFSET part_place ORDER BY part_place) AS Parts
		FROM IdempotencyKeys k WHERE k.Id = @idempotency_key AND k.CreatedAt > @idempotency_expired)`
	noColumn = `ARRAY(SELECT AS STRUCT b'' AS Body, b'' AS Result, FALSE AS Undivided, [b''] AS Parts FROM UNNEST(ARRAY<INT64>[]))`
)

// Select adds a column to a query that selects other things: the record of r,
// for Rows and Decode.
func (k *Keys) Select(query *spanner.Statement, r idempotency.Request) {
	if !r.HasKey() {
		query.SQL += noColumn
		return
	}
	query.SQL += column
	query.Params["idempotency_key"] = r.Key[:]
	query.Params["idempotency_expired"] = k.now().Add(-idempotency.Retention)
}

// Decode returns the result in the record of r, nil if there is none. Errors:
// idempotency.ErrReused.
func Decode(record Rows, r idempotency.Request) (idempotency.Recorded, error) {
	switch {
	case len(record) == 0:
		return nil, nil
	case !bytes.Equal(record[0].Body, r.Body[:]):
		return nil, idempotency.ErrReused
	case record[0].Undivided:
		return idempotency.Undivided(record[0].Result)
	}
	return record[0].Parts, nil
}

// Find returns the recorded result of r, nil if there is none. Find costs one
// call, or none without a key. Of two transactions with the same key, Spanner
// delays or reruns one, which then finds the record of the other. Errors:
// idempotency.ErrReused.
func (k *Keys) Find(ctx context.Context, tx *spannerdb.Tx, r idempotency.Request) (idempotency.Recorded, error) {
	if !r.HasKey() {
		return nil, nil
	}
	query := spanner.NewStatement("SELECT ")
	k.Select(&query, r)
	var record Rows
	if err := tx.Query(ctx, query).Do(func(row *spanner.Row) error { return row.Columns(&record) }); err != nil {
		return nil, fmt.Errorf("find idempotency key: %w", err)
	}
	return Decode(record, r)
}

// Record stores the result of r within tx, in which Find found none. It costs no
// call.
func (k *Keys) Record(tx *spannerdb.Tx, r idempotency.Request, parts ...idempotency.Part) error {
	if !r.HasKey() {
		return nil
	}
	now := k.now()
	subjects := make([]string, len(parts))
	var changes []*spanner.Mutation
	for place, part := range parts {
		text, err := json.Marshal(part.Result)
		if err != nil {
			return fmt.Errorf("record result: %w", err)
		}
		subjects[place] = part.Subject
		changes = append(changes, spanner.InsertOrUpdate("IdempotencyResults",
			[]string{"Subject", "Id", "Place", "Result", "CreatedAt"}, []any{part.Subject, r.Key[:], place, text, now}))
	}
	changes = append(changes, spanner.InsertOrUpdate("IdempotencyKeys",
		[]string{"Id", "Body", "Result", "CreatedAt", "Subjects"}, []any{r.Key[:], r.Body[:], []byte{}, now, subjects}))
	if err := tx.BufferWrite(changes); err != nil {
		return fmt.Errorf("record result: %w", err)
	}
	return nil
}

// Erase deletes what results tell of the resource with that subject, within tx.
// It costs no call.
func (k *Keys) Erase(tx *spannerdb.Tx, subject string) error {
	if err := tx.BufferWrite([]*spanner.Mutation{spanner.Delete("IdempotencyResults", spanner.Key{subject}.AsPrefix())}); err != nil {
		return fmt.Errorf("erase results of %s: %w", subject, err)
	}
	return nil
}
