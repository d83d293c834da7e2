// Package sqlitekeys records the results of requests in a SQLite database.
package sqlitekeys

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the migrations of the table of records.
func Migrations() sqlitedb.Migrations {
	return sqlitedb.Migrations{Component: "idempotency", Files: migrations}
}

// Keys accesses the records in a database that was opened with Migrations.
type Keys struct {
	db  *sqlitedb.DB
	now func() time.Time
}

// New returns Keys for db, whose records age by now.
func New(db *sqlitedb.DB, now func() time.Time) *Keys {
	return &Keys{db: db, now: now}
}

// Find reads the recorded result of r into result, a pointer. found reports
// whether there is one. Transactions with the same key are sequential, so the
// second finds the record of the first. Errors: idempotency.ErrReused.
func (k *Keys) Find(tx *sqlitedb.Tx, r idempotency.Request, result any) (found bool, err error) {
	if !r.HasKey() {
		return false, nil
	}
	var body, text []byte
	err = tx.QueryRow(`SELECT body, result FROM idempotency_keys WHERE id = ? AND created_at > ?`, r.Key[:], k.expired()).Scan(&body, &text)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("find idempotency key: %w", err)
	case !bytes.Equal(body, r.Body[:]):
		return false, idempotency.ErrReused
	}
	if err := json.Unmarshal(text, result); err != nil {
		return false, fmt.Errorf("recorded result: %w", err)
	}
	return true, nil
}

// Record stores the result of r as JSON within tx, in which Find found none.
func (k *Keys) Record(tx *sqlitedb.Tx, r idempotency.Request, result any) error {
	if !r.HasKey() {
		return nil
	}
	text, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("record result: %w", err)
	}
	if _, err := tx.Exec(`INSERT INTO idempotency_keys (id, body, result, created_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET body = excluded.body, result = excluded.result, created_at = excluded.created_at`,
		r.Key[:], r.Body[:], string(text), k.now().UnixMicro()); err != nil {
		return fmt.Errorf("record result: %w", err)
	}
	return nil
}

// Purge deletes expired records, in steps that do not hold up other writes, and
// returns their number. Idempotent.
func (k *Keys) Purge(ctx context.Context) (removed int64, err error) {
	for {
		var n int64
		err := k.db.Write(ctx, func(tx *sqlitedb.Tx) (err error) {
			n, err = tx.Exec(`DELETE FROM idempotency_keys WHERE rowid IN (
				SELECT rowid FROM idempotency_keys WHERE created_at <= ? LIMIT 1000)`, k.expired())
			return err
		})
		removed += n
		if err != nil || n == 0 {
			return removed, err
		}
	}
}

// expired returns the time before which records are expired, in microseconds.
func (k *Keys) expired() int64 { return k.now().Add(-idempotency.Retention).UnixMicro() }
