package sqlitedb_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/pkg/sqlitedb/sqlitedbtest"
)

// insertLong returns a statement that inserts n things, each of about a page.
func insertLong(n int) string {
	return fmt.Sprintf("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO things (name) SELECT hex(randomblob(1800)) FROM n", n)
}

// recovered opens a copy of the database at path and of its log, as after a
// failure of the machine.
func recovered(t *testing.T, path string) *sqlitedb.DB {
	t.Helper()
	db := open(t, sqlitedbtest.Copy(t, path, "-wal"), schema)
	var found string
	if err := db.QueryRow(t.Context(), "PRAGMA integrity_check").Scan(&found); err != nil || found != "ok" {
		t.Errorf("integrity_check: %q, %v", found, err)
	}
	return db
}

// SQLite writes pages of a large transaction before its commit. It reads them
// again and writes them anew when the transaction changes them again.
func TestCommitOfALargeTransactionIsInTheLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path, schema)
	const rows = 5000
	if err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
		for _, query := range []string{insertLong(rows), "UPDATE things SET name = 'again ' || name", "INSERT INTO notes (thing) SELECT id FROM things"} {
			if _, err := tx.Exec(query); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	after := recovered(t, path)
	if things, notes := count(t, after, "things WHERE name LIKE 'again %'"), count(t, after, "notes"); things != rows || notes != rows {
		t.Errorf("%d things and %d notes recovered from the log, want %d", things, notes, rows)
	}
}
