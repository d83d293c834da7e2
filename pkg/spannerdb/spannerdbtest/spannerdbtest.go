// Package spannerdbtest makes Spanner databases for tests.
package spannerdbtest

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/api/option"

	"github.com/concha-labs/backend/pkg/spannerdb"
)

// Name returns the name of a database that does not exist, on the emulator at
// SPANNER_EMULATOR_HOST. The test fails if there is none.
func Name(t *testing.T) string {
	t.Helper()
	if os.Getenv("SPANNER_EMULATOR_HOST") == "" {
		t.Fatal("SPANNER_EMULATOR_HOST is not set: this test needs the Cloud Spanner emulator")
	}
	id := strings.ReplaceAll(uuid.NewString(), "-", "")[:20]
	return fmt.Sprintf("projects/test/instances/test/databases/t%s", id)
}

// New returns the name of a new database with that schema.
func New(t *testing.T, migrations ...spannerdb.Migrations) string {
	t.Helper()
	name := Name(t)
	if _, err := spannerdb.Provision(t.Context(), name, true); err != nil {
		t.Fatal(err)
	}
	if err := Open(t, name, migrations).Migrate(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	return name
}

// Open opens a database with the emulator's limit of one write at a time. It
// is closed when the test ends.
func Open(t *testing.T, name string, migrations []spannerdb.Migrations, options ...option.ClientOption) *spannerdb.DB {
	t.Helper()
	db, err := spannerdb.Open(t.Context(), name, spannerdb.Config{MaxWrites: 1, Migrations: migrations}, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}
