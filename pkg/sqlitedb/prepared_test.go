package sqlitedb_test

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"modernc.org/sqlite"

	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// prepared grows when SQLite prepares a statement that reads the table limited.
var prepared atomic.Int64

func init() {
	sqlite.RegisterConnectionHook(func(conn sqlite.ExecQuerierContext, _ string) error {
		return conn.(sqlite.AuthorizerRegisterer).RegisterAuthorizer(func(action sqlite.AuthorizerActionCode, table, _, _, _ string) sqlite.AuthorizerReturnCode {
			if action == sqlite.AuthRead && table == "limited" {
				prepared.Add(1)
			}
			return sqlite.AuthorizerOK
		})
	})
}

// A limit changes from call to call, and a statement may have any number of
// parameters.
func TestStatementsArePreparedOnce(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), sqlitedb.Migrations{Component: "test", Files: fstest.MapFS{"migrations/001_limited.sql": {
		Data: []byte("CREATE TABLE limited (n INTEGER PRIMARY KEY); INSERT INTO limited VALUES (2), (3), (4)"),
	}}})
	const part = "SELECT n FROM (SELECT n FROM limited WHERE n > ? AND n < 100*? ORDER BY n LIMIT ?)"
	queries := []string{part, "SELECT n FROM limited WHERE n > ? AND n < 100*? LIMIT ?", part + strings.Repeat(" UNION ALL "+part, 15) + " LIMIT ?"}
	type reader interface {
		QueryRow(query string, args ...any) sqlitedb.Row
	}
	ask := func(tx reader, i int) error {
		for _, query := range queries {
			args := make([]any, strings.Count(query, "?"))
			for j := range args {
				args[j] = 1 + i%3
			}
			if err := tx.QueryRow(query, args...).Scan(new(int)); err != nil {
				return err
			}
		}
		return nil
	}
	for name, read := range map[string]func(i int) error{
		"Read":      func(i int) error { return db.Read(t.Context(), func(tx *sqlitedb.ReadTx) error { return ask(tx, i) }) },
		"Write":     func(i int) error { return db.Write(t.Context(), func(tx *sqlitedb.Tx) error { return ask(tx, i) }) },
		"ReadShort": func(i int) error { return db.ReadShort(t.Context(), func(tx *sqlitedb.ReadTx) error { return ask(tx, i) }) },
	} {
		before := int64(0)
		for i := range 300 {
			if i == 100 { // each connection has had a turn
				before = prepared.Load()
			}
			if err := read(i); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if prepared.Load() != before {
			t.Errorf("%s prepares a statement again", name)
		}
	}
}
