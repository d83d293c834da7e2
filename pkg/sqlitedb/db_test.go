package sqlitedb_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

var schema = sqlitedb.Migrations{Component: "test", Files: fstest.MapFS{
	"migrations/001_things.sql": {Data: []byte(`CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE) STRICT;
		CREATE TABLE notes (thing INTEGER NOT NULL) STRICT;`)},
}}

func open(t *testing.T, path string, migrations ...sqlitedb.Migrations) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), path, migrations...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t *testing.T, db *sqlitedb.DB, query string) {
	t.Helper()
	if err := write(t, db, query); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, db *sqlitedb.DB, query string) error {
	t.Helper()
	return db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(query)
		return err
	})
}

func count(t *testing.T, db *sqlitedb.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFailureOfOneWriteLeavesItsNeighboursAlone(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	const writers = 200
	failures := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			failures[i] = db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
				if _, err := tx.Exec("INSERT INTO notes (thing) VALUES (?)", i); err != nil {
					return err
				}
				_, err := tx.Exec("INSERT INTO things (name) VALUES (?)", fmt.Sprint(i/2)) // pairs collide
				return err
			})
		})
	}
	wg.Wait()
	var won int
	for _, err := range failures {
		switch {
		case err == nil:
			won++
		case !sqlitedb.IsUnique(err, "things.name"):
			t.Errorf("unexpected error: %v", err)
		}
	}
	if won != writers/2 || count(t, db, "things") != won || count(t, db, "notes") != won {
		t.Errorf("%d won, %d things, %d notes; want %d of each", won, count(t, db, "things"), count(t, db, "notes"), writers/2)
	}
}

func TestPanicReachesItsCallerAndIsRolledBack(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	func() {
		defer func() {
			if p, ok := recover().(string); !ok || !strings.HasPrefix(p, "boom\n") || !strings.Contains(p, "db_test.go") {
				t.Errorf("recovered %v, want boom and where", p)
			}
		}()
		_ = db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
			_, _ = tx.Exec("INSERT INTO notes (thing) VALUES (1)")
			panic("boom")
		})
	}()
	if n := count(t, db, "notes"); n != 0 {
		t.Errorf("%d notes, want none", n)
	}
}

func TestOnCommitRunsOnlyForWhatCommitted(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	var committed []string
	write := func(name string, fail error) error {
		return db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
			tx.OnCommit(func() { committed = append(committed, name) })
			return fail
		})
	}
	boom := errors.New("boom")
	if err := write("a", nil); err != nil {
		t.Error(err)
	}
	if err := write("b", boom); !errors.Is(err, boom) {
		t.Errorf("Write = %v, want boom", err)
	}
	if len(committed) != 1 || committed[0] != "a" {
		t.Errorf("committed %v, want [a]", committed)
	}
}

func TestWriteOfADoneContextDoesNotBegin(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := db.Write(ctx, func(*sqlitedb.Tx) error { t.Error("began"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Write = %v, want context.Canceled", err)
	}
}

func TestReadOfADoneContextDoesNotBegin(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	ctx, cancel := context.WithCancelCause(t.Context())
	left := errors.New("left")
	cancel(left)
	if err := db.QueryRow(ctx, "SELECT 1").Scan(new(int)); !errors.Is(err, left) {
		t.Errorf("QueryRow = %v, want the cause", err)
	}
	if _, err := db.Query(ctx, "SELECT 1"); !errors.Is(err, left) { //nolint:gocritic // there are no rows
		t.Errorf("Query = %v, want the cause", err)
	}
}

func TestReadThatHasBegunRunsToItsEnd(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	ctx, cancel := context.WithCancel(t.Context())
	rows, err := db.Query(ctx, "SELECT value FROM json_each('[1,2,3]')")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	cancel()
	n := 0
	for rows.Next() {
		n++
	}
	if n != 3 || rows.Err() != nil {
		t.Errorf("%d rows, %v; want 3", n, rows.Err())
	}
}

func TestDataAndSchemaSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder", "50% ?#.db")
	db := open(t, path, schema)
	exec(t, db, "INSERT INTO things (name) VALUES ('kept')")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), func(*sqlitedb.Tx) error { return nil }); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Write after Close = %v, want Unavailable", err)
	}
	more := sqlitedb.Migrations{Component: "more", Files: fstest.MapFS{"migrations/001_more.sql": {Data: []byte("CREATE TABLE more (x INTEGER) STRICT")}}}
	db = open(t, path, schema, more)
	if n := count(t, db, "things"); n != 1 {
		t.Errorf("%d things, want 1", n)
	}
	if n := count(t, db, "more"); n != 0 {
		t.Errorf("%d more, want 0", n)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path, schema)
	if second, err := sqlitedb.Open(t.Context(), path, schema); err == nil {
		_ = second.Close()
		t.Error("a database that is in use was opened")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, schema)
}

func TestCloseLeavesOneFileAndNothingThatWasDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path, schema)
	exec(t, db, "INSERT INTO things (name) VALUES ('ann@example.org')")
	exec(t, db, "DELETE FROM things")
	if n := count(t, db, "things"); n != 0 {
		t.Fatalf("%d things, want 0", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the write-ahead log is still there: %v", err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(content, []byte("ann@example.org")) {
		t.Error("what was deleted can still be read")
	}
}

func TestCheckpointLeavesNothingThatWasDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path, schema)
	exec(t, db, "INSERT INTO things (name) VALUES ('ann@example.org')")
	exec(t, db, "DELETE FROM things")
	if pages, err := db.Checkpoint(t.Context()); err != nil || pages == 0 {
		t.Errorf("%d pages, %v", pages, err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 3 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("ann@example.org")) {
			t.Errorf("what was deleted can still be read in %s", file)
		}
	}
	exec(t, db, "INSERT INTO things (name) VALUES ('bea@example.org')")
	if n := count(t, db, "things"); n != 1 {
		t.Errorf("%d things, want 1", n)
	}
}

// TestCheckpointLetsReadsEnd keeps a read open: the checkpoint gives up, and
// writes continue. A read that ends while it tries does not hold it up.
func TestCheckpointLetsReadsEnd(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	exec(t, db, "INSERT INTO things (name) VALUES ('ann')")
	rows, err := db.Query(t.Context(), "SELECT value, name FROM things, json_each('[1,2,3]')")
	if err != nil {
		t.Fatal(err)
	}
	if !rows.Next() {
		t.Fatal(rows.Err())
	}
	if _, err := db.Checkpoint(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("while a read is under way: %v, want Unavailable", err)
	}
	exec(t, db, "INSERT INTO things (name) VALUES ('bea')")
	time.AfterFunc(time.Second, func() {
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Checkpoint(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFilesAreThisUsersAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	db := open(t, filepath.Join(dir, "t.db"), schema)
	exec(t, db, "INSERT INTO things (name) VALUES ('ann')")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 4 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", entry.Name(), info.Mode(), err)
		}
	}
}

func TestOpenTellsWhatToDoAboutTheFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(file, "t.db"), dir} {
		db, err := sqlitedb.Open(t.Context(), path, schema)
		if err == nil {
			_ = db.Close()
			t.Fatalf("%s was opened", path)
		}
		if !strings.Contains(err.Error(), filepath.Dir(path)) || !strings.Contains(err.Error(), "CONCHA_DATA_DIR") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestBrokenMigrationLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	broken := sqlitedb.Migrations{Component: "test", Files: fstest.MapFS{
		"migrations/001_a.sql": {Data: []byte("CREATE TABLE a (x INTEGER)")},
		"migrations/002_b.sql": {Data: []byte("CREATE TABLE b (x INTEGER); CREATE TABEL c")},
	}}
	if db, err := sqlitedb.Open(t.Context(), path, broken); err == nil {
		_ = db.Close()
		t.Fatal("a broken migration was accepted")
	}
	db := open(t, path, schema)
	var n int
	if err := db.QueryRow(t.Context(), "SELECT count(*) FROM sqlite_schema WHERE name IN ('a', 'b')").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d tables, %v; want none, also of the file before", n, err)
	}
}

func TestReadersCannotWrite(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	err := db.QueryRow(t.Context(), "INSERT INTO notes (thing) VALUES (1) RETURNING thing").Scan(new(int))
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		t.Errorf("a reader wrote: %v", err)
	}
}

func BenchmarkWrite(b *testing.B) {
	db, err := sqlitedb.Open(b.Context(), filepath.Join(b.TempDir(), "t.db"), schema)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := db.Write(b.Context(), func(tx *sqlitedb.Tx) error {
				_, err := tx.Exec("INSERT INTO notes (thing) VALUES (?)", 1)
				return err
			}); err != nil {
				b.Error(err)
			}
		}
	})
}

// A limit on the pages of the file has the effect of a full disk.
func TestFullDiskIsLoggedOnce(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "t.db"), schema)
	core, lines := observer.New(zap.DebugLevel)
	db.LogTo(zap.New(core))
	exec(t, db, "PRAGMA max_page_count = 1")
	fill := "INSERT INTO things (name) VALUES (hex(randomblob(100000)))"
	for range 3 {
		if err := write(t, db, fill); err == nil || !strings.Contains(err.Error(), "the disk of the server is full") {
			t.Errorf("Write = %v", err)
		}
	}
	exec(t, db, "PRAGMA max_page_count = 100000")
	for range 3 {
		if err := write(t, db, fill); err != nil {
			t.Error(err)
		}
	}
	if all := lines.All(); len(all) != 2 || all[0].Level != zap.ErrorLevel || all[1].Level != zap.InfoLevel {
		t.Errorf("logs %v, want full and not full, once each", all)
	}
}

func TestOpenNamesAFileThatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqlitedb.Open(t.Context(), path, schema)
	if err == nil || !strings.Contains(err.Error(), path+" is not an SQLite database") || !strings.Contains(err.Error(), "CONCHA_DATA_DIR") {
		t.Errorf("Open = %v", err)
	}
}
