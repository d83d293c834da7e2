// Package spannercustody keeps the identity of a Spanner database.
package spannercustody

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the table of the identity.
func Migrations() spannerdb.Migrations {
	return spannerdb.Migrations{Component: "custody", Files: migrations}
}

// Database is a custody.Database in a database that has been migrated with
// Migrations. An Update is two calls to Spanner.
type Database struct {
	db *spannerdb.DB
}

var _ custody.Database = (*Database)(nil)

// New returns the identity of db.
func New(db *spannerdb.DB) *Database { return &Database{db} }

var columns = []string{"One", "Id", "Generation", "Bound", "KeepBefore", "Sweep"}

// Update implements custody.Database.
func (d *Database) Update(ctx context.Context, change func(custody.Identity) (custody.Identity, error)) (next custody.Identity, err error) {
	err = d.db.ReadWrite(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		var current custody.Identity
		var keepBefore spanner.NullTime
		sweep := spanner.NullString{}
		row, err := tx.ReadRow(ctx, "Installation", spanner.Key{1}, columns[1:])
		if err == nil {
			err = row.Columns(&current.ID, &current.Generation, &current.Bound, &keepBefore, &sweep)
		}
		if err != nil && !errors.Is(err, spanner.ErrRowNotFound) {
			return err
		}
		if sweep.Valid {
			if err := json.Unmarshal([]byte(sweep.StringVal), &current.Sweep); err != nil {
				return err
			}
		}
		if keepBefore.Valid {
			current.KeepBefore = keepBefore.Time.UTC()
		}
		if next, err = change(current); err != nil || next == current {
			return err
		}
		progress, err := json.Marshal(next.Sweep)
		if err != nil {
			return err
		}
		return tx.BufferWrite([]*spanner.Mutation{spanner.InsertOrUpdate("Installation", columns, []any{
			1, next.ID, next.Generation, next.Bound,
			spanner.NullTime{Time: next.KeepBefore, Valid: !next.KeepBefore.IsZero()},
			string(progress),
		})})
	})
	if err != nil {
		return custody.Identity{}, fmt.Errorf("update the identity of the database: %w", err)
	}
	return next, nil
}
