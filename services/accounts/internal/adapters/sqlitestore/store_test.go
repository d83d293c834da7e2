package sqlitestore_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/sqlitestore"
	"github.com/concha-labs/backend/services/accounts/internal/app/storetest"
)

func open(t *testing.T) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "accounts.db"), sqlitelog.Migrations(), sqlitestore.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestStore(t *testing.T) {
	db := open(t)
	log := sqlitelog.New(db, time.Now)
	store := sqlitestore.New(db, log)
	storetest.Run(t, storetest.Backend{Store: store, Discards: store, Log: log})
}

func TestEveryListIsServedByAnIndex(t *testing.T) {
	db := open(t)
	for _, where := range []string{
		"", " AND name = 'x'", " AND email = 'x'", " AND address = 'x'", " AND name = 'x' AND address = 'x'",
		" AND id IN (SELECT value FROM json_each('[1]'))",
	} {
		rows, err := db.Query(t.Context(), "EXPLAIN QUERY PLAN SELECT * FROM accounts WHERE id > 5"+where+" ORDER BY id LIMIT 10")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(detail, "SCAN accounts") || strings.Contains(detail, "TEMP B-TREE") {
				t.Errorf("WHERE id > 5%s: %s", where, detail)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
