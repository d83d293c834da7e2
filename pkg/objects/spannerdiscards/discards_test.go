//go:build cloud

package spannerdiscards_test

import (
	"context"
	"testing"
	"testing/fstest"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/objects/discardstest"
	"github.com/concha-labs/backend/pkg/objects/spannerdiscards"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

func TestDiscards(t *testing.T) {
	migrations := []spannerdb.Migrations{{Component: "discards", Files: fstest.MapFS{
		"migrations/001_discards.sql": {Data: []byte(`CREATE TABLE IF NOT EXISTS Discards (Thing INT64, Object STRING(MAX)) PRIMARY KEY (Thing, Object);`)},
	}}}
	db := spannerdbtest.Open(t, spannerdbtest.New(t, migrations...), migrations)
	discards := spannerdiscards.New(db, "Discards", "Thing")
	discardstest.Run(t, discards, func(ctx context.Context, id int64, object string) error {
		return db.ReadWrite(ctx, func(_ context.Context, tx *spannerdb.Tx) error {
			return tx.BufferWrite([]*spanner.Mutation{discards.Add(id, object)})
		})
	})
}
