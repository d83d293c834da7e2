// Package sqlitedbtest inspects SQLite databases in tests.
package sqlitedbtest

import (
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
