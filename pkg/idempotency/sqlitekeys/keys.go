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

// Find returns the recorded result of r, nil if there is none. Transactions with
// the same key are sequential, so the second finds the record of the first.
// Errors: idempotency.ErrReused.
func (k *Keys) Find(tx *sqlitedb.Tx, r idempotency.Request) (idempotency.Recorded, error) {
	if !r.HasKey() {
		return nil, nil
	}
	var body, text []byte
	var parts sql.NullInt64
	err := tx.QueryRow(`SELECT body, result, parts FROM idempotency_keys WHERE id = ? AND created_at > ?`, r.Key[:], k.expired()).Scan(&body, &text, &parts)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("find idempotency key: %w", err)
	case !bytes.Equal(body, r.Body[:]):
		return nil, idempotency.ErrReused
	case !parts.Valid:
		return idempotency.Undivided(text)
	}
	recorded := make(idempotency.Recorded, parts.Int64)
	if err := readParts(tx, r, recorded); err != nil {
		return nil, fmt.Errorf("find the result of an idempotency key: %w", err)
	}
	return recorded, nil
}

func readParts(tx *sqlitedb.Tx, r idempotency.Request, into idempotency.Recorded) error {
	rows, err := tx.Query(`SELECT place, result FROM idempotency_results WHERE id = ?`, r.Key[:])
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var place int
		var result []byte
		if err := rows.Scan(&place, &result); err != nil {
			return err
		}
		into[place] = result
	}
	return rows.Err()
}

// Record stores the result of r within tx, in which Find found none.
func (k *Keys) Record(tx *sqlitedb.Tx, r idempotency.Request, parts ...idempotency.Part) error {
	if !r.HasKey() {
		return nil
	}
	if err := k.record(tx, r, parts); err != nil {
		return fmt.Errorf("record result: %w", err)
	}
	return nil
}

func (k *Keys) record(tx *sqlitedb.Tx, r idempotency.Request, parts []idempotency.Part) error {
	if _, err := tx.Exec(`DELETE FROM idempotency_keys WHERE id = ?`, r.Key[:]); err != nil { // it is expired
		return err
	}
	if _, err := tx.Exec(`INSERT INTO idempotency_keys (id, body, result, created_at, parts) VALUES (?, ?, '', ?, ?)`,
		r.Key[:], r.Body[:], k.now().UnixMicro(), len(parts)); err != nil {
		return err
	}
	for place, part := range parts {
		text, err := json.Marshal(part.Result)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO idempotency_results (id, place, subject, result) VALUES (?, ?, ?, ?)`,
			r.Key[:], place, part.Subject, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// Erase deletes what results tell of the resource with that subject, within tx.
func (k *Keys) Erase(tx *sqlitedb.Tx, subject string) error {
	if _, err := tx.Exec(`DELETE FROM idempotency_results WHERE subject = ?`, subject); err != nil {
		return fmt.Errorf("erase results of %s: %w", subject, err)
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
		if err != nil || n == 0 {
			return removed, err
		}
		removed += n
	}
}

// expired returns the time before which records are expired, in microseconds.
func (k *Keys) expired() int64 { return k.now().Add(-idempotency.Retention).UnixMicro() }
