package sqlitedb_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// TestDamage overwrites parts of the file, as a failing disk does: bytes of the
// tree of pages, or values of rows.
func TestDamage(t *testing.T) {
	t.Parallel()
	for name, overwrite := range map[string]func(content []byte){
		"pages": func(content []byte) {
			for i := 4096; i < len(content); i++ {
				content[i] = 0xA5
			}
		},
		"a value": func(content []byte) {
			for at := 0; ; {
				i := bytes.Index(content[at:], []byte("0123456789"))
				if i < 0 {
					return
				}
				at += i + 1
				content[at] = 'x'
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "t.db")
			db := open(t, path, schema)
			core, lines := observer.New(zap.DebugLevel)
			db.LogTo(zap.New(core))
			for range 3000 { // more than the readers and the writer keep in memory
				exec(t, db, "INSERT INTO things (name) VALUES (hex(randomblob(2000)) || '0123456789')")
			}
			if _, err := db.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			overwrite(content)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := db.Check(t.Context()); err != nil {
				t.Errorf("Check before the damage is met: %v", err)
			}
			for _, read := range []func(*testing.T, *sqlitedb.DB) error{readOneInARead, readInARead, readNumbers, readNumbers} {
				if err := read(t, db); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "damaged") {
					t.Errorf("a read of what is damaged fails with %v", err)
				}
			}
			if err := db.Check(t.Context()); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "t.db is damaged; stop the process and restore it from a backup") {
				t.Errorf("Check = %v", err)
			}
			if all := lines.All(); len(all) != 1 || all[0].Level != zap.ErrorLevel {
				t.Errorf("logs %v, want the damage once", all)
			}
		})
	}
}

// readNumbers reads the last digits of every name as a number.
func readNumbers(t *testing.T, db *sqlitedb.DB) error {
	t.Helper()
	return scanNumbers(db.Query(t.Context(), "SELECT substr(name, -10) FROM things"))
}

// readInARead is readNumbers with the connections of long reads.
func readInARead(t *testing.T, db *sqlitedb.DB) error {
	t.Helper()
	return db.Read(t.Context(), func(tx *sqlitedb.ReadTx) error {
		return scanNumbers(tx.Query("SELECT substr(name, -10) FROM things"))
	})
}

func scanNumbers(rows *sqlitedb.Rows, err error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var number int
		if err := rows.Scan(&number); err != nil {
			return err
		}
	}
	return rows.Err()
}

func readOneInARead(t *testing.T, db *sqlitedb.DB) error {
	t.Helper()
	return db.Read(t.Context(), func(tx *sqlitedb.ReadTx) error {
		var number int
		return tx.QueryRow("SELECT substr(name, -10) FROM things ORDER BY name").Scan(&number)
	})
}
