package sqlitecustody_test

import (
	"path/filepath"
	"testing"

	"github.com/concha-labs/backend/pkg/blob/fileblob"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/custody/custodytest"
	"github.com/concha-labs/backend/pkg/custody/sqlitecustody"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/pkg/sqlitedb/sqlitedbtest"
)

func TestConformance(t *testing.T) {
	custodytest.Run(t, custodytest.Backend{
		Database: func(t *testing.T) custody.Database {
			return sqlitecustody.New(open(t, filepath.Join(t.TempDir(), "t.db")))
		},
		Objects: func(t *testing.T) custodytest.Objects {
			s, err := fileblob.New(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	})
}

// A database without its write-ahead log knows that it was rolled back, until
// that is accepted.
func TestLostLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path)
	update(t, db, func(i *custody.Identity) { i.ID, i.Generation = "a", 1 })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path)
	update(t, db, func(i *custody.Identity) { i.Generation = 2 })
	// As after a kill, and then without the log.
	killed := sqlitedbtest.Copy(t, path, ".in-use")
	for range 2 {
		db = open(t, killed)
		if got := update(t, db, func(*custody.Identity) {}); got.Generation != 1 || !got.RolledBack {
			t.Errorf("identity %+v, want the older one, rolled back", got)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	db = open(t, killed)
	update(t, db, func(i *custody.Identity) { i.RolledBack = false })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := update(t, open(t, killed), func(*custody.Identity) {}); got.RolledBack {
		t.Errorf("identity %+v after the loss was accepted", got)
	}
}

func update(t *testing.T, db *sqlitedb.DB, change func(*custody.Identity)) custody.Identity {
	t.Helper()
	got, err := sqlitecustody.New(db).Update(t.Context(), func(current custody.Identity) (custody.Identity, error) {
		change(&current)
		return current, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func open(t *testing.T, path string) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), path, sqlitecustody.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
