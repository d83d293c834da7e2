//go:build unix

package sqlitedb_test

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// A limit on the size of files simulates a full disk. Reads and transactions
// without changes still work.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path, schema)
	check := func(when string, want fault.Kind) {
		t.Helper()
		if err := db.Check(t.Context()); (err == nil) != (want == fault.Internal) || fault.KindOf(err) != want {
			t.Errorf("%s: Check = %v", when, err)
		}
	}
	check("at first", fault.Internal)
	wal := size(t, path+"-wal")
	check("again", fault.Internal)
	if n := size(t, path+"-wal"); n != wal {
		t.Errorf("Check wrote %d bytes without a reason", n-wal)
	}

	lift := limitFiles(t, wal)
	failed := write(t, db, "INSERT INTO things (name) VALUES ('ann')")
	empty := write(t, db, "DELETE FROM things WHERE id = -1")
	check("on a full disk", fault.Unavailable)
	check("on a full disk, again", fault.Unavailable)
	lift()

	if !errors.Is(failed, sqlitedb.ErrUnavailable) || empty != nil {
		t.Errorf("Write = %v, one that changes nothing = %v", failed, empty)
	} else if n := strings.Count(failed.Error(), sqlitedb.ErrUnavailable.Detail); n != 1 {
		t.Errorf("it is said %d times: %v", n, failed)
	}
	if again := sqlitedb.Translate(failed); again.Error() != failed.Error() {
		t.Errorf("translated again: %v", again)
	}
	check("with space again", fault.Internal)
	exec(t, db, "INSERT INTO things (name) VALUES ('ann')")
}

// The first pieces of a commit fit on the disk, the others do not.
func TestDiskIsFullDuringACommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path, schema)
	exec(t, db, "INSERT INTO things (name) VALUES ('first')")
	lift := limitFiles(t, size(t, path+"-wal")+300<<10)
	err := write(t, db, insertLong(1000))
	lift()
	if !errors.Is(err, sqlitedb.ErrUnavailable) {
		t.Errorf("Write = %v", err)
	}
	if n := count(t, db, "things"); n != 1 {
		t.Errorf("%d things after a commit that failed", n)
	}
	exec(t, db, insertLong(2))
	if n := count(t, recovered(t, path), "things"); n != 3 {
		t.Errorf("%d things recovered from the log, want 3", n)
	}
}

// limitFiles makes writes to files fail beyond size, until lift is called.
func limitFiles(t *testing.T, size int64) (lift func()) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	set := func(limit syscall.Rlimit) {
		t.Helper()
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	signal.Ignore(syscall.SIGXFSZ)
	set(syscall.Rlimit{Cur: uint64(size), Max: limit.Max})
	return func() {
		set(limit)
		signal.Reset(syscall.SIGXFSZ)
	}
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
