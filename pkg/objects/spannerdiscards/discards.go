// Package spannerdiscards keeps the names of discarded objects in Spanner.
package spannerdiscards

import (
	"context"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/objects"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

// Discards is an objects.Discards on a table of a database.
type Discards struct {
	db         *spannerdb.DB
	table, key string
}

var _ objects.Discards = (*Discards)(nil)

// New returns the discards in a table whose primary key is the columns key, the id
// of a resource, and Object.
func New(db *spannerdb.DB, table, key string) *Discards { return &Discards{db, table, key} }

// Add returns the mutation that records the object of a resource as discarded.
func (d *Discards) Add(id int64, object string) *spanner.Mutation {
	return spanner.InsertOrUpdate(d.table, []string{d.key, "Object"}, []any{id, object})
}

// Discarded implements objects.Discards.
func (d *Discards) Discarded(ctx context.Context, id int64) (names []string, err error) {
	err = d.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		names = nil
		return tx.Read(ctx, d.table, spanner.Key{id}.AsPrefix(), []string{"Object"}).Do(func(r *spanner.Row) error {
			var name string
			err := r.Columns(&name)
			names = append(names, name)
			return err
		})
	})
	return names, err
}

// ForgetDiscarded implements objects.Discards.
func (d *Discards) ForgetDiscarded(ctx context.Context, id int64, names []string) error {
	return d.db.ReadWrite(ctx, func(_ context.Context, tx *spannerdb.Tx) error {
		var keys []spanner.Key
		for _, name := range names {
			keys = append(keys, spanner.Key{id, name})
		}
		return tx.BufferWrite([]*spanner.Mutation{spanner.Delete(d.table, spanner.KeySetFromKeys(keys...))})
	})
}
