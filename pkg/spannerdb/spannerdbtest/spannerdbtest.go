// Package spannerdbtest creates Spanner databases for tests.
package spannerdbtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"cloud.google.com/go/spanner"
	"github.com/google/uuid"
	"google.golang.org/api/option"

	"github.com/concha-labs/backend/pkg/spannerdb"
)

// Name returns the name of a database that does not exist yet, on the emulator
// at SPANNER_EMULATOR_HOST. The test fails if the emulator cannot be reached.
func Name(t testing.TB) string {
	t.Helper()
	if os.Getenv("SPANNER_EMULATOR_HOST") == "" {
		t.Fatal("SPANNER_EMULATOR_HOST is not set: this test needs the Cloud Spanner emulator")
	}
	id := strings.ReplaceAll(uuid.NewString(), "-", "")[:20]
	return fmt.Sprintf("projects/test/instances/test/databases/t%s", id)
}

// New returns the name of a new database with that schema. It applies the
// migrations twice, the second time without a record of the first, to test that
// they are repeatable.
func New(t testing.TB, migrations ...spannerdb.Migrations) string {
	t.Helper()
	name := Name(t)
	if _, err := spannerdb.Provision(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	db := Open(t, name, migrations)
	migrate := func() {
		t.Helper()
		if err := db.Migrate(t.Context(), io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	migrate()
	if err := db.ReadWrite(t.Context(), func(_ context.Context, tx *spannerdb.Tx) error {
		return tx.BufferWrite([]*spanner.Mutation{spanner.Delete(spannerdb.MigrationsTable, spanner.AllKeys())})
	}); err != nil {
		t.Fatal(err)
	}
	migrate()
	return name
}

// Open opens a database with the emulator's limit of one write transaction at a
// time. It is closed at the end of the test.
func Open(t testing.TB, name string, migrations []spannerdb.Migrations, options ...option.ClientOption) *spannerdb.DB {
	t.Helper()
	db, err := spannerdb.Open(t.Context(), name, spannerdb.Config{MaxWrites: 1, Migrations: migrations}, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}
