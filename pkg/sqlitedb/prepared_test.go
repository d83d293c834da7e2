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

// The statements have the limits, the values that are 0 or 1 at times, and the
// number of parameters that SQLite would use for another plan.
func TestStatementsArePreparedOnce(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), sqlitedb.Migrations{Component: "test", Files: fstest.MapFS{"migrations/001_limited.sql": {
		Data: []byte(`CREATE TABLE limited (n INTEGER PRIMARY KEY, kind INTEGER NOT NULL);
			CREATE INDEX limited_by_kind ON limited (kind);
			INSERT INTO limited VALUES (11, 1), (12, 2), (13, 3)`),
	}}})
	const part = "SELECT n FROM (SELECT n FROM limited WHERE kind = ? AND n > ? ORDER BY n LIMIT ?)"
	queries := []string{part, "SELECT n FROM limited WHERE kind >= ? LIMIT ?", part + strings.Repeat(" UNION ALL "+part, 15) + " LIMIT ?"}
	ask := func(queryRow func(query string, args ...any) sqlitedb.Row, i int) error {
		for _, query := range queries {
			args := make([]any, strings.Count(query, "?"))
			for j := range args {
				args[j] = 1 + i
			}
			if err := queryRow(query, args...).Scan(new(int)); err != nil {
				return err
			}
		}
		return nil
	}
	ctx, conns := t.Context(), sqlitedb.ReadConns(db)
	for name, read := range map[string]func(i int) error{
		"Write": func(i int) error { return db.Write(ctx, func(tx *sqlitedb.Tx) error { return ask(tx.QueryRow, i) }) },
		"Read":  func(i int) error { return db.Read(ctx, func(tx *sqlitedb.ReadTx) error { return ask(tx.QueryRow, i) }) },
		"ReadShort": func(i int) error {
			return db.ReadShort(ctx, func(tx *sqlitedb.ReadTx) error { return ask(tx.QueryRow, i) })
		},
		"QueryRow": func(i int) error {
			return ask(func(query string, args ...any) sqlitedb.Row { return db.QueryRow(ctx, query, args...) }, i)
		},
	} {
		before := int64(0)
		for i := range 12 * conns { // each connection has a turn with each value
			if i == conns {
				before = prepared.Load()
			}
			if err := read(i / conns % 3); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if prepared.Load() != before {
			t.Errorf("%s: SQLite prepared a statement again", name)
		}
	}
}
