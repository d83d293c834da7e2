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

const column = `(SELECT CONCAT(Body, Result) FROM IdempotencyKeys WHERE Id = @idempotency_key AND CreatedAt > @idempotency_expired)`

// Select adds a column to a query that selects other things: the record of r as
// BYTES, for Decode, or NULL.
func (k *Keys) Select(query *spanner.Statement, r idempotency.Request) {
	if !r.HasKey() {
		query.SQL += "CAST(NULL AS BYTES)"
		return
	}
	query.SQL += column
	query.Params["idempotency_key"] = r.Key[:]
	query.Params["idempotency_expired"] = k.now().Add(-idempotency.Retention)
}

// Decode decodes the result in a record of r into result, a pointer. found
// reports whether there is one. Errors: idempotency.ErrReused.
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

// Find reads the recorded result of r into result, a pointer. found reports
// whether there is one. Find costs one call, or none without a key. Of two
// transactions with the same key, Spanner delays or reruns one, which then
// finds the record of the other. Errors: idempotency.ErrReused.
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

// Record stores the result of r as JSON within tx, in which Find found none. It
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
