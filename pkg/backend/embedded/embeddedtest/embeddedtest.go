// Package embeddedtest opens embedded backends for tests.
package embeddedtest

import (
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/backend/embedded"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// Open opens an empty backend with the tables of migrations, in a folder of its own.
// It is closed at the end of the test.
func Open(t testing.TB, migrations sqlitedb.Migrations) embedded.Opened {
	t.Helper()
	dir := t.TempDir()
	o, err := embedded.Open(embedded.Config{Dir: dir, Database: "test.db", Objects: "objects", Migrations: migrations},
		membus.New(nil, dir, zap.NewNop()), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.DB.Close() })
	return o
}

// Objects returns the names of all objects of a backend.
func Objects(t testing.TB, o embedded.Opened) (names []string) {
	t.Helper()
	if err := o.Objects.List(t.Context(), "", time.Time{}, time.Now().Add(time.Hour), func(name string) error {
		names = append(names, name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return names
}
