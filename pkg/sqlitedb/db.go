// Package sqlitedb opens SQLite databases the way the embedded services use
// them: write-ahead log, every commit synced to disk, one writer that groups
// concurrent transactions into one commit, and a pool of readers.
//
// Neither database/sql nor the driver groups commits. With 64 concurrent
// clients and a sync for each commit, a bare handler stores 5,000 rows a second
// in transactions of their own, and 38,500 in groups.
package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"go.uber.org/zap"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/concha-labs/backend/pkg/durable"
	"github.com/concha-labs/backend/pkg/sqlitedb/internal/commitvfs"
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	readers *sql.DB
	reads   sync.Map // SQL text to *sql.Stmt
	// readTxs are the unused connections for Read and ReadShort. Those of
	// readers that remain are for Query.
	readTxs   chan *ReadTx
	longReads chan struct{} // holds an element for each call of Read under way
	readTime  time.Duration // bounds a call of Read

	full    atomic.Bool // the last write failed because the disk is full
	damaged atomic.Bool // a read or a write has found damage
	log     atomic.Pointer[zap.Logger]
	doubted atomic.Bool // whether writing may fail, until Check succeeds

	inUse   inUse
	lock    *flock.Flock // held while the database is open
	file    *os.File     // the database's, to sync it
	writer  *sql.DB
	vfs     *commitvfs.VFS // of the writer
	opened  []io.Closer    // file, vfs, writer, readers, as far as they are open
	queue   chan *write
	between chan func(*Tx) // run by the writer outside any transaction
	grown   chan struct{}  // makes moveLog begin
	moved   chan struct{}  // closed when moveLog has ended
	writes  sync.Pool      // *write values for reuse
	closed  chan struct{}  // closed when the writer's goroutine has ended
	stop    context.CancelFunc
}

// Migrations are the ordered SQL files of one component of a database.
type Migrations struct {
	// Component names the owner of the files in the record of applied
	// migrations.
	Component string
	// Files holds files named migrations/NNN_name.sql, with NNN from 001
	// without gaps, as a package embeds them. A released file must never be
	// changed.
	Files fs.FS
}

// Open opens the database at path and migrates it to the newest schema. It
// creates the file and its folder if they are missing. Only one process at a
// time can open a database.
func Open(ctx context.Context, path string, migrations ...Migrations) (*DB, error) {
	if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("open database: %w", advise(err, path))
	}
	db := &DB{
		queue: make(chan *write), between: make(chan func(*Tx)), grown: make(chan struct{}), moved: make(chan struct{}), closed: make(chan struct{}),
		writes: sync.Pool{New: newWrite}, readTxs: newReadTxs(), longReads: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1)), readTime: readTime, lock: flock.New(path + LockSuffix), inUse: inUse{path: path},
	}
	db.doubted.Store(true)
	db.log.Store(zap.NewNop())
	locked, err := db.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, advise(err, path))
	}
	if !locked {
		return nil, fmt.Errorf("open database %s: another process uses it; stop that one, or choose another folder", path)
	}
	if err := db.open(ctx, path, migrations); err != nil {
		return nil, errors.Join(advise(err, path), db.lock.Close())
	}
	return db, nil
}

// advise adds advice to an error of the file system.
func advise(err error, path string) error {
	if isDamage(err) {
		return fmt.Errorf("%w; %s is not an SQLite database, or is damaged: restore it from a backup, move it away to begin without data, or set CONCHA_DATA_DIR to another folder", err, path)
	}
	if _, ok := errors.AsType[*fs.PathError](err); !ok && !errors.Is(Translate(err), ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w; let this process write to the folder %s and what is in it, on a disk that has space, or set CONCHA_DATA_DIR to another", err, filepath.Dir(path))
}

func (db *DB) open(ctx context.Context, path string, migrations []Migrations) (err error) {
	if err := db.inUse.inspect(); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if err := db.connect(path); err != nil {
		return errors.Join(err, db.abandon())
	}
	if err := migrate(ctx, db.writer, migrations); err != nil {
		return errors.Join(fmt.Errorf("migrate database %s: %w", path, err), db.abandon())
	}
	conn, err := db.writer.Conn(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("open database %s: %w", path, err), db.abandon())
	}
	var running context.Context
	running, db.stop = context.WithCancel(context.Background())
	go db.write(running, &Tx{db: db, conn: conn, stmts: map[string]*sql.Stmt{}})
	go db.moveLog(running)
	return nil
}

// connect opens the file and the pools of connections.
func (db *DB) connect(path string) (err error) {
	// The file is this user's alone, and SQLite gives its other files the same
	// permissions. SQLite would open a file read-only if it may not write.
	if db.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	db.opened = append(db.opened, db.file)
	if db.vfs, err = commitvfs.New(); err != nil {
		return fmt.Errorf("open database %s: %w", path, err)
	}
	db.opened = append(db.opened, db.vfs)
	if db.writer, err = sql.Open("sqlite", dsn(path)+"&vfs="+db.vfs.Name()); err != nil {
		return fmt.Errorf("open database %s: %w", path, err)
	}
	db.opened = append(db.opened, db.writer)
	db.writer.SetMaxOpenConns(1)
	if db.readers, err = sql.Open("sqlite", dsn(path)+readerCache+"&_pragma=query_only(1)"); err != nil {
		return fmt.Errorf("open database %s: %w", path, err)
	}
	db.opened = append(db.opened, db.readers)
	readers := 2*runtime.GOMAXPROCS(0) + cap(db.readTxs)
	db.readers.SetMaxOpenConns(readers)
	db.readers.SetMaxIdleConns(readers)
	return nil
}

// disconnect closes what connect has opened. The file comes last: SQLite's locks
// are of the process, and end when the process closes any file that they lock.
func (db *DB) disconnect() (err error) {
	for _, opened := range slices.Backward(db.opened) {
		err = errors.Join(err, opened.Close())
	}
	db.opened = nil
	return err
}

// abandon closes a database that could not be opened.
func (db *DB) abandon() error { return errors.Join(db.disconnect(), db.inUse.abandon()) }

// LogTo makes the database log to log: once when writes begin to fail because
// the disk is full, once when one succeeds again, and once when the database
// turns out to be damaged.
func (db *DB) LogTo(log *zap.Logger) { db.log.Store(log) }

func (db *DB) noteFull(full bool) {
	if db.full.Swap(full) == full {
		return
	}
	folder := zap.String("folder", filepath.Dir(db.inUse.path))
	if full {
		db.log.Load().Error("the disk is full: writes are refused until there is space", folder)
		return
	}
	db.log.Load().Info("the disk has space again", folder)
}

// observe translates an error of the driver. It remembers that the database is
// damaged, so that Check fails from then on, and logs it once.
func (db *DB) observe(err error) error {
	err = Translate(err)
	if isDamage(err) && !db.damaged.Swap(true) {
		db.log.Load().Error("the database is damaged: stop the process and restore it from a backup",
			zap.String("database", db.inUse.path), zap.Error(err))
	}
	return err
}

// readerCache is the size of the page cache of a reader, in KiB. The writer keeps
// SQLite's default, which is 2,000. Larger caches made no request faster, even with
// 300,000 rows: readers drop theirs after each commit, and the operating system has
// the pages, too. A cache takes twice its size, because the driver's allocator rounds
// sizes up to powers of two.
const readerCache = "&_pragma=cache_size(-500)"

// patience is how long a connection waits for a lock.
const patience = "busy_timeout(5000)"

// dsn returns the data source name, whose pragmas apply to every pooled
// connection:
//   - synchronous(FULL) syncs the write-ahead log at each commit, so that
//     acknowledged writes survive a power failure.
//   - temp_store(MEMORY) avoids temporary files for savepoints.
//   - cache_spill(2000): a transaction that changes up to 2,000 pages writes them
//     at its commit. SQLite would write some earlier, and read and write them again.
//   - a commit whose log has more than 96 MB moves it into the database. That is
//     rare, because moveLog begins earlier, see there.
//   - secure_delete overwrites deleted content, so that erased data does not
//     remain in the file.
func dsn(path string) string {
	return (&url.URL{Scheme: "file", Opaque: url.PathEscape(path)}).String() +
		"?_pragma=" + patience + "&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)" +
		"&_pragma=secure_delete(1)&_pragma=temp_store(MEMORY)&_pragma=cache_spill(2000)&_pragma=wal_autocheckpoint(24000)"
}

// Close finishes the writes under way and closes the database.
func (db *DB) Close() error {
	db.stop()
	<-db.closed
	<-db.moved
	released := db.inUse.end()
	var unused []*ReadTx // after those under way have ended
	for range cap(db.readTxs) {
		unused = append(unused, <-db.readTxs)
	}
	for _, tx := range unused {
		_ = tx.close()
		db.readTxs <- tx
	}
	db.reads.Range(func(_, stmt any) bool {
		_ = stmt.(*sql.Stmt).Close()
		return true
	})
	return errors.Join(released, db.disconnect(), db.lock.Close())
}

// Query runs a read on the pool of readers. Its statement is prepared once and
// cached, so query must be one of a bounded set of texts. A read that has begun
// completes even if ctx ends: watching ctx would cost two goroutines for each
// read, and reads are short.
func (db *DB) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	stmt, err := db.reader(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(context.WithoutCancel(ctx), args...) //nolint:rowserrcheck // Rows.Err does it for the caller
	if err != nil {
		return nil, db.observe(err)
	}
	return &Rows{rows, db}, nil
}

// QueryRow is Query for at most one row.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) Row {
	stmt, err := db.reader(ctx, query)
	if err != nil {
		return Row{err: err}
	}
	return Row{row: stmt.QueryRowContext(context.WithoutCancel(ctx), args...), db: db}
}

// reader returns the prepared statement of query, unless ctx has ended.
func (db *DB) reader(ctx context.Context, query string) (*sql.Stmt, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if stmt, ok := db.reads.Load(query); ok {
		return stmt.(*sql.Stmt), nil
	}
	stmt, err := db.readers.PrepareContext(ctx, preparedOnce(query))
	if err != nil {
		return nil, db.observe(err)
	}
	if kept, loaded := db.reads.LoadOrStore(query, stmt); loaded {
		return kept.(*sql.Stmt), stmt.Close()
	}
	return stmt, nil
}

// preparedOnce returns query with a + before each parameter that is a limit or
// that a column must equal, so that SQLite does not plan with its value. It would
// prepare the statement again when a limit changes, and when another such value
// becomes or ceases to be 0 or 1. It treats all parameters after the 31st as one.
func preparedOnce(query string) string { return unplanned.Replace(query) }

var unplanned = strings.NewReplacer("LIMIT ?", "LIMIT +?", "= ?", "= +?")

// Check reports whether the database can be read and written. It tests writing
// only if no write has succeeded yet or one has failed since. After a read or a
// write has found the database damaged, Check fails until the process ends.
func (db *DB) Check(ctx context.Context) error {
	if db.damaged.Load() {
		return errCorrupt.Detailf("the database %s is damaged; stop the process and restore it from a backup", filepath.Base(db.inUse.path))
	}
	if err := db.QueryRow(ctx, "SELECT 1").Scan(new(int)); err != nil || !db.doubted.Load() {
		return err
	}
	return db.Write(ctx, func(tx *Tx) error {
		tx.OnCommit(func() { db.doubted.Store(false) })
		return tx.control("PRAGMA user_version = 0") // writes a page without a change
	})
}

// Checkpoint moves the write-ahead log into the database and empties it, so
// that no file contains deleted data any more. It returns the number of pages
// in the log. Most of the work runs concurrently with writes. For the rest,
// writes wait, and for up to 100 ms also for reads that began earlier. If those
// have not ended by then, Checkpoint tries again every half second for as long as
// a call of Read may last.
// Idempotent. Errors:
//   - the error of ctx: it ended first.
//   - fault.Unavailable: a read did not end in time, the disk is full or
//     failing, or the database is closed. The next call continues.
func (db *DB) Checkpoint(ctx context.Context) (pages int64, err error) {
	for begun := time.Now(); ; {
		if pages, err = db.checkpoint(ctx, (*Tx).emptyLog); !errors.Is(err, errReading) || time.Since(begun) > db.readTime {
			return pages, err
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// checkpoint moves what is in the log into the database, and then the writer runs
// rest between two commits. It returns the number of pages in the log.
//
// SQLite syncs the database only once all of the log is in it, that is in rest, for
// which writes wait. To sync most of it before makes them wait half as long.
func (db *DB) checkpoint(ctx context.Context, rest func(*Tx) error) (pages int64, err error) {
	if pages, err = pagesOf(db.QueryRow(ctx, onlineCheckpoint)); err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	if err := db.file.Sync(); err != nil {
		db.doubted.Store(true)
		return 0, fmt.Errorf("checkpoint: %w", ErrUnavailable.Wrap(err))
	}
	done := make(chan error, 1)
	select {
	case db.between <- func(tx *Tx) { done <- rest(tx) }:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-db.closed:
		return 0, errClosed
	}
	if err := <-done; err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	return pages, nil
}

// moveAfter is how much is written to the log before moveLog begins, in bytes.
const moveAfter = 48 << 20

// onlineCheckpoint is a checkpoint for which neither reads nor writes wait.
const onlineCheckpoint = "PRAGMA wal_checkpoint(PASSIVE)"

// moveLog moves the write-ahead log into the database whenever the log has grown,
// until the writer has ended. A first pass takes long, a second one moves what was
// written during the first. The rest is little, and the writer moves it between two
// commits. Then the log is complete in the database, and begins anew.
func (db *DB) moveLog(ctx context.Context) {
	defer close(db.moved)
	for {
		select {
		case <-db.grown:
		case <-db.closed:
			return
		}
		_, _ = pagesOf(db.QueryRow(ctx, onlineCheckpoint)) // the next pass continues
		_, _ = db.checkpoint(ctx, (*Tx).moveRest)
	}
}

// pagesOf returns the number of pages in the log from the result of a checkpoint.
func pagesOf(result Row) (pages int64, err error) {
	var busy, moved int
	err = result.Scan(&busy, &pages, &moved)
	return pages, err
}
