package sqlitedb_test

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// TestWritesOfAGroup has writes wait for each other, so that they share a commit.
// Those that fail without a change do not make the others run again. After one
// that fails later, all run once more.
func TestWritesOfAGroup(t *testing.T) {
	boom := errors.New("boom")
	violate := func(tx *sqlitedb.Tx) error {
		if _, err := tx.Exec("INSERT INTO things (name) VALUES ('taken')"); !sqlitedb.IsUnique(err, "things.name") {
			return fmt.Errorf("insert = %w, want a violation", err)
		}
		return boom
	}
	late := func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec("INSERT INTO notes (thing) VALUES (7)")
		return cmp.Or(err, boom)
	}
	for name, c := range map[string]struct {
		fail func(tx *sqlitedb.Tx) error
		runs int64
	}{
		"at once":           {func(*sqlitedb.Tx) error { return boom }, 1},
		"for a constraint":  {violate, 1},
		"after a change":    {late, 2},
		"without saying so": {func(tx *sqlitedb.Tx) error { _, _ = tx.Exec("nonsense"); return nil }, 2},
		"by a panic":        {func(*sqlitedb.Tx) error { panic(boom) }, 2},
		"after a bad query": {func(tx *sqlitedb.Tx) error { return errors.Join(boom, tx.QueryRow("SELECT nonsense").Scan()) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
				exec(t, db, "INSERT INTO things (name) VALUES ('taken')")
				free := make(chan struct{})
				var all sync.WaitGroup
				all.Go(func() { _ = db.Write(t.Context(), func(*sqlitedb.Tx) error { <-free; return nil }) })
				synctest.Wait()
				var runs, commits atomic.Int64
				good := func(tx *sqlitedb.Tx) error {
					runs.Add(1)
					tx.OnCommit(func() { commits.Add(1) })
					_, err := tx.Exec("INSERT INTO notes (thing) VALUES (1)")
					return err
				}
				all.Go(func() { // before the one that fails
					if err := db.Write(t.Context(), good); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
				for _, do := range []func(*sqlitedb.Tx) error{c.fail, good} {
					all.Go(func() {
						defer func() { _ = recover() }()
						if err := db.Write(t.Context(), do); err != nil && !errors.Is(err, boom) {
							t.Error(err)
						}
					})
					synctest.Wait()
				}
				close(free)
				all.Wait()
				if runs.Load() != 1+c.runs || commits.Load() != 2 || count(t, db, "notes") != 2 {
					t.Errorf("2 writes ran %d times and were committed %d times, %d rows", runs.Load(), commits.Load(), count(t, db, "notes"))
				}
			})
		})
	}
}
