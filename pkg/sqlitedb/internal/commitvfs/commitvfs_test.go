package commitvfs_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/concha-labs/backend/pkg/sqlitedb/internal/commitvfs"
)

// connect opens the database at path with one connection, whose cache is small.
func connect(t *testing.T, path, parameters string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(20)"+parameters)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	return db
}

// gathering opens the database at path with a VFS.
func gathering(t *testing.T, path string) (*commitvfs.VFS, *sql.DB) {
	t.Helper()
	vfs, err := commitvfs.New()
	if err != nil {
		t.Fatal(err)
	}
	db := connect(t, path, "&vfs="+vfs.Name())
	exec(t, db, "CREATE TABLE things (name TEXT) STRICT")
	return vfs, db
}

func exec(t *testing.T, db *sql.DB, queries ...string) {
	t.Helper()
	for _, query := range queries {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
}

// inserted is the number of things that insert inserts. They have more pages than the
// cache, so SQLite writes some before the commit.
const inserted = 101

func insert(initial string) string {
	return fmt.Sprintf("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO things SELECT '%s' || hex(randomblob(1800)) FROM n", inserted, initial)
}

func count(t *testing.T, db *sql.DB, initial string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM things WHERE name LIKE ? AND length(name) = 3601", initial+"%").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTransactionReadsWhatIsGathered(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	vfs, db := gathering(t, path)
	if err := vfs.Commit(func() error {
		exec(t, db, "BEGIN", insert("a"))
		if n := count(t, db, "a"); n != inserted {
			t.Errorf("the transaction sees %d things", n)
		}
		exec(t, db, "COMMIT")
		return nil
	}); err != nil {
		t.Error(err)
	}
	if n := count(t, connect(t, path, ""), "a"); n != inserted {
		t.Errorf("another connection sees %d things", n)
	}
}

// What is left of a commit that failed must never be written: its place in the log
// may be another's by then.
func TestFailedCommitLeavesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	vfs, db := gathering(t, path)
	exec(t, db, "PRAGMA wal_checkpoint(TRUNCATE)") // a rollback then reads nothing from the log
	failed := errors.New("failed")
	if err := vfs.Commit(func() error {
		exec(t, db, "BEGIN", insert("a"), "ROLLBACK")
		return failed
	}); !errors.Is(err, failed) {
		t.Error(err)
	}
	exec(t, connect(t, path, ""), insert("b"))
	if err := vfs.Commit(func() error {
		exec(t, db, insert("c"))
		return nil
	}); err != nil {
		t.Error(err)
	}
	for initial, want := range map[string]int{"a": 0, "b": inserted, "c": inserted} {
		if n := count(t, connect(t, path, ""), initial); n != want {
			t.Errorf("%d things named %s…, want %d", n, initial, want)
		}
	}
}

func TestCommitWithoutASyncPanics(t *testing.T) {
	t.Parallel()
	vfs, db := gathering(t, filepath.Join(t.TempDir(), "t.db"))
	exec(t, db, "PRAGMA synchronous = NORMAL")
	defer func() {
		if recover() == nil {
			t.Error("it does not panic")
		}
	}()
	_ = vfs.Commit(func() error {
		exec(t, db, insert("a"))
		return nil
	})
}

func TestCloseComesAfterTheConnection(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	vfs, db := gathering(t, path)
	name := vfs.Name()
	if err := vfs.Close(); err == nil {
		t.Error("it closes while its connection is open")
	}
	exec(t, db, insert("a"))
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := vfs.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := connect(t, path, "&vfs="+name).PingContext(t.Context()); err == nil {
		t.Error("SQLite still has it")
	}
}
