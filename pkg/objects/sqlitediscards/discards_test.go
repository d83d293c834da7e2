package sqlitediscards_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/concha-labs/backend/pkg/objects/discardstest"
	"github.com/concha-labs/backend/pkg/objects/sqlitediscards"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

func TestDiscards(t *testing.T) {
	t.Parallel()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "discards.db"), sqlitedb.Migrations{Component: "discards", Files: fstest.MapFS{
		"migrations/001_discards.sql": {Data: []byte(`CREATE TABLE discards (thing INTEGER, object TEXT, PRIMARY KEY (thing, object)) STRICT, WITHOUT ROWID;`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	discards := sqlitediscards.New(db, "discards", "thing")
	discardstest.Run(t, discards, func(ctx context.Context, id int64, object string) error {
		return db.Write(ctx, func(tx *sqlitedb.Tx) error { return discards.Add(tx, id, object) })
	})
}
