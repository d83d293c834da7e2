// Package spannerkeys records the results of requests in a Spanner database.
package spannerkeys

import (
	"bytes"
	"context"
	"crypto/sha256"
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

// Migrations are the table of the records. Spanner itself removes those that
// are older than idempotency.Retention.
func Migrations() spannerdb.Migrations {
	return spannerdb.Migrations{Component: "idempotency", Files: migrations}
}

// Keys is the records in a database that has been migrated with Migrations.
type Keys struct {
	now func() time.Time
}

// New returns records that grow old by now.
func New(now func() time.Time) *Keys { return &Keys{now: now} }

const column = `(SELECT CONCAT(Body, Result) FROM IdempotencyKeys WHERE Id = @idempotency_key AND CreatedAt > @idempotency_expired)`

// Select adds the record of r to what a query that reads other things selects:
// it is BYTES, for Decode, and NULL if there is none.
func (k *Keys) Select(query *spanner.Statement, r idempotency.Request) {
	if !r.HasKey() {
		query.SQL += "CAST(NULL AS BYTES)"
		return
	}
	query.SQL += column
	query.Params["idempotency_key"] = r.Key[:]
	query.Params["idempotency_expired"] = k.now().Add(-idempotency.Retention)
}

// Decode reads the result in a record of r into result, a pointer, and reports
// whether there is one. Errors: idempotency.ErrReused.
func Decode(record []byte, r idempotency.Request, result any) (found bool, err error) {
	if record == nil {
		return false, nil
	}
	if !bytes.Equal(record[:sha256.Size], r.Body[:]) {
		return false, idempotency.ErrReused
	}
	if err := json.Unmarshal(record[sha256.Size:], result); err != nil {
		return false, fmt.Errorf("recorded result: %w", err)
	}
	return true, nil
}

// Find reads the result that is recorded for r into result, a pointer, and
// reports whether there is one. It costs one call, and none without a key. Of
// two transactions with one key, Spanner has one wait or run again, and then it
// finds what the other recorded. Errors: idempotency.ErrReused.
func (k *Keys) Find(ctx context.Context, tx *spannerdb.Tx, r idempotency.Request, result any) (found bool, err error) {
	if !r.HasKey() {
		return false, nil
	}
	query := spanner.NewStatement("SELECT ")
	k.Select(&query, r)
	var record []byte
	if err := tx.Query(ctx, query).Do(func(row *spanner.Row) error { return row.Columns(&record) }); err != nil {
		return false, fmt.Errorf("find idempotency key: %w", err)
	}
	return Decode(record, r, result)
}

// Record keeps the result of r as JSON, as part of tx, which has found none. It
// costs no call.
func (k *Keys) Record(tx *spannerdb.Tx, r idempotency.Request, result any) error {
	if !r.HasKey() {
		return nil
	}
	text, err := json.Marshal(result)
	if err == nil {
		err = tx.BufferWrite([]*spanner.Mutation{spanner.InsertOrUpdate("IdempotencyKeys",
			[]string{"Id", "Body", "Result", "CreatedAt"}, []any{r.Key[:], r.Body[:], text, k.now()})})
	}
	if err != nil {
		return fmt.Errorf("record result: %w", err)
	}
	return nil
}
