package sqlitedb_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// TestFailedStartAfterKill opens the database of a killed process with a
// migration that fails. SQLite has then read the write-ahead log and removed it,
// which the next start does not take for a loss.
func TestFailedStartAfterKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path, schema)
	exec(t, db, "INSERT INTO things (name) VALUES ('a')")
	killed := filepath.Join(t.TempDir(), "t.db")
	for _, suffix := range []string{"", "-wal", ".in-use"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(killed+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	broken := sqlitedb.Migrations{Component: "broken", Files: fstest.MapFS{"migrations/001_a.sql": {Data: []byte("CREATE TABEL a")}}}
	if db, err := sqlitedb.Open(t.Context(), killed, schema, broken); err == nil {
		_ = db.Close()
		t.Fatal("a broken migration was accepted")
	}
	db = open(t, killed, schema)
	if db.LostLog() {
		t.Error("the log is taken for lost")
	}
	if n := count(t, db, "things"); n != 1 {
		t.Errorf("%d things, want 1", n)
	}
}
