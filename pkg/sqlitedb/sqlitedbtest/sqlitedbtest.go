// Package sqlitedbtest inspects and copies SQLite databases in tests.
package sqlitedbtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// Explain returns the plan of a query, one line for each step.
func Explain(t *testing.T, db *sqlitedb.DB, query string, args []any) (plan string) {
	t.Helper()
	rows, err := db.Query(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan += detail + "\n"
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}

// Copy copies the database at path, and the files beside it whose names end with
// one of suffixes, as a kill would leave them. It returns the path of the copy.
func Copy(t *testing.T, path string, suffixes ...string) (copied string) {
	t.Helper()
	copied = filepath.Join(t.TempDir(), "copy.db")
	for _, suffix := range append([]string{""}, suffixes...) {
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return copied
}
