// Package sqlitecustody keeps the identity of a SQLite database.
package sqlitecustody

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the table of the identity.
func Migrations() sqlitedb.Migrations {
	return sqlitedb.Migrations{Component: "custody", Files: migrations}
}

// Database is a custody.Database in a database that was opened with Migrations.
type Database struct {
	db *sqlitedb.DB
}

var _ custody.Database = (*Database)(nil)

// New returns the identity of db.
func New(db *sqlitedb.DB) *Database { return &Database{db} }

// Update implements custody.Database. A database whose write-ahead log was lost
// is RolledBack until change says otherwise.
func (d *Database) Update(ctx context.Context, change func(custody.Identity) (custody.Identity, error)) (next custody.Identity, err error) {
	lost := d.db.LostLog()
	err = d.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		current := custody.Identity{RolledBack: lost}
		var keepBefore int64
		sweep := []byte("{}")
		err := tx.QueryRow(`SELECT id, generation, bound, keep_before, sweep FROM installation`).
			Scan(&current.ID, &current.Generation, &current.Bound, &keepBefore, &sweep)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := json.Unmarshal(sweep, &current.Sweep); err != nil {
			return err
		}
		if keepBefore > 0 {
			current.KeepBefore = time.UnixMicro(keepBefore).UTC()
		}
		if next, err = change(current); err != nil || next == current {
			return err
		}
		if keepBefore = 0; !next.KeepBefore.IsZero() {
			keepBefore = next.KeepBefore.UnixMicro()
		}
		if sweep, err = json.Marshal(next.Sweep); err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO installation (one, id, generation, bound, keep_before, sweep) VALUES (1, ?, ?, ?, ?, ?)
			ON CONFLICT (one) DO UPDATE SET id = excluded.id, generation = excluded.generation, bound = excluded.bound,
				keep_before = excluded.keep_before, sweep = excluded.sweep`,
			next.ID, next.Generation, next.Bound, keepBefore, string(sweep))
		return err
	})
	if err == nil && lost && !next.RolledBack {
		err = d.db.AcceptLoss()
	}
	if err != nil {
		return custody.Identity{}, fmt.Errorf("update the identity of the database: %w", err)
	}
	return next, nil
}
