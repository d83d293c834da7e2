package sqlitedb_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/concha-labs/backend/pkg/sqlitedb"
)

func TestReserve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	release, err := sqlitedb.Reserve(path)
	if err != nil {
		t.Fatal(err)
	}
	if db, err := sqlitedb.Open(t.Context(), path, schema); err == nil {
		_ = db.Close()
		t.Error("a database is opened though its path is reserved")
	}
	if _, err := sqlitedb.Reserve(path); err == nil {
		t.Error("a path is reserved twice")
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("%v, %v is left", left, err)
	}
	open(t, path, schema)
	if _, err := sqlitedb.Reserve(path); err == nil {
		t.Error("the path of an open database is reserved")
	}
}
