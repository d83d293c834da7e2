package sqlitedb_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// restarts returns how often the write-ahead log of the database has begun anew:
// a number in its header (sqlite.org/fileformat2.html#walformat).
func restarts(t *testing.T, path string) uint32 {
	t.Helper()
	f, err := os.Open(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var header [16]byte
	if _, err := f.ReadAt(header[:], 0); err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint32(header[12:])
}

// The log is moved into the database while writes go on, long before a commit
// would have to do it.
func TestLogIsMovedWhileWritesGoOn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path, schema)
	exec(t, db, "INSERT INTO things (name) VALUES ('first')")
	before, rows := restarts(t, path), 1
	for ; restarts(t, path) == before; rows++ {
		if rows > 200_000 {
			t.Fatal("the log has not begun anew")
		}
		exec(t, db, "INSERT INTO things (name) VALUES (hex(randomblob(16)))")
	}
	info, err := os.Stat(path + "-wal")
	if err != nil || info.Size() > 64<<20 {
		t.Errorf("the log has %d bytes, %v", info.Size(), err)
	}
	content, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(content), "first") {
		t.Errorf("the database has %d bytes without the first row, %v", len(content), err)
	}
	if n := count(t, db, "things"); n != rows {
		t.Errorf("%d things, want %d", n, rows)
	}
}

// A batch changes more pages than the cache of a connection keeps.
func TestLargeTransactionWritesAtItsCommit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path, schema)
	logged := func() int64 { // also called on the writer's goroutine
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Error(err)
			return -1
		}
		return info.Size()
	}
	if _, err := db.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	const size = 4 << 20
	early := int64(-1)
	if err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 512) INSERT INTO things (name) SELECT hex(randomblob(2000)) FROM n")
		early = logged()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if early != 0 || logged() < size {
		t.Errorf("before the commit the log has %d bytes, then %d", early, logged())
	}
}

func TestCheckpointReportsAFailingSync(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	if err := sqlitedb.FailSync(db); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Checkpoint(t.Context()); !errors.Is(err, sqlitedb.ErrUnavailable) {
		t.Errorf("Checkpoint = %v", err)
	}
}
