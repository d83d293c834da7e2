package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/telemetry"
)

var commitDuration = promauto.NewHistogram(prometheus.HistogramOpts{
	Name: "concha_sqlite_commit_duration_seconds", Buckets: telemetry.Buckets,
	Help: "Duration of commits, each of the writes that waited at the same time.",
})

// maxGroup bounds the number of transactions that share a commit, and so the
// time that the first of them waits for the last.
const maxGroup = 256

// write is a transaction that waits for the writer.
type write struct {
	ctx      context.Context //nolint:containedctx // the request's own, carried to the writer
	do       func(*Tx) error
	err      error
	panicked any
	onCommit []func()
	done     chan struct{}
}

func newWrite() any { return &write{done: make(chan struct{}, 1)} }

// Write runs do in a transaction and returns nil after it is durable.
// Concurrent writes share one commit. An error of do rolls back only that write.
// do runs on the goroutine of the writer and must not block on anything but its
// Tx. It may run twice, the second time after its changes were rolled back, so
// outside its Tx it must do nothing but set its results.
//
// After do has begun, Write waits for the outcome even if ctx ends. Write is
// safe for concurrent use. Errors:
//   - the error of do.
//   - the error of ctx, if it ended before do began, and nothing is changed.
//   - fault.Unavailable: the disk is full or failing, or the database is
//     closed.
func (db *DB) Write(ctx context.Context, do func(tx *Tx) error) error {
	w := db.writes.Get().(*write)
	w.ctx, w.do, w.err, w.panicked, w.onCommit = ctx, do, nil, nil, w.onCommit[:0]
	select {
	case db.queue <- w:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-db.closed:
		return errClosed
	}
	<-w.done
	err, panicked := w.err, w.panicked
	w.ctx, w.do = nil, nil
	clear(w.onCommit)
	db.writes.Put(w)
	if panicked != nil {
		panic(panicked)
	}
	return err
}

var errClosed = fault.New(fault.Unavailable, "database-closed", "the server is stopping; try again")

// write is the goroutine of the writer, which owns the one writing connection.
func (db *DB) write(stop context.Context, tx *Tx) {
	defer close(db.closed)
	defer tx.close()
	group := make([]*write, 0, maxGroup)
	for {
		select {
		case w := <-db.queue:
			group = append(group[:0], w)
		case f := <-db.between:
			f(tx)
			continue
		case <-stop.Done():
			return
		}
		for len(group) < maxGroup {
			select {
			case w := <-db.queue:
				group = append(group, w)
				continue
			default:
			}
			break
		}
		begun := time.Now()
		committed := tx.commitGroup(group)
		commitDuration.Observe(time.Since(begun).Seconds())
		if committed {
			db.inUse.begin()
		}
		db.judge(group)
		for _, w := range group {
			w.done <- struct{}{}
		}
		if written := db.vfs.Written(); written-tx.moved >= moveAfter {
			select {
			case db.grown <- struct{}{}:
				tx.moved = written
			default: // moveLog is at work
			}
		}
	}
}

// judge updates the knowledge about the disk from the outcome of a group.
func (db *DB) judge(group []*write) {
	for _, w := range group {
		if w.err != nil && errors.Is(w.err, ErrUnavailable) {
			db.doubted.Store(true)
			if isFull(w.err) {
				db.noteFull(true)
			}
			return
		}
	}
	db.noteFull(false)
}

// commitGroup runs every write of group, stores the outcome in each, and reports
// whether there was a commit.
//
// Savepoints would make SQLite copy each page that a write changes. Writes that
// fail do so before they change anything, as a rule. If one fails later, the
// group is rolled back, and run once more with a savepoint for each write.
func (tx *Tx) commitGroup(group []*write) bool {
	if len(group) == 1 {
		return tx.commitOne(group[0])
	}
	err := tx.runGroup(group, tx.runBare)
	if errors.Is(err, errChanged) {
		err = tx.runGroup(group, tx.runInSavepoint)
	}
	for _, w := range group {
		switch {
		case err != nil:
			w.err = Translate(fmt.Errorf("commit: %w", err))
		case w.err == nil:
			w.committed()
		}
	}
	return err == nil
}

// runGroup commits the writes of group, each with run.
func (tx *Tx) runGroup(group []*write, run func(*write) error) error {
	err := tx.control("BEGIN IMMEDIATE")
	for i := 0; i < len(group) && err == nil; i++ {
		err = run(group[i])
	}
	if err == nil {
		err = tx.commit()
	}
	if err != nil {
		_ = tx.control("ROLLBACK") // fails only if SQLite has rolled back itself
	}
	return err
}

// commitOne is commitGroup for a write that is alone. It needs no savepoint, for
// which SQLite would copy each page that the write changes.
func (tx *Tx) commitOne(w *write) bool {
	if w.err = context.Cause(w.ctx); w.err != nil {
		return false
	}
	err := tx.control("BEGIN IMMEDIATE")
	if err == nil {
		if w.err = tx.call(w); w.err != nil {
			_ = tx.control("ROLLBACK") // fails only if SQLite has rolled back itself
			return false
		}
		err = tx.commit()
	}
	if err != nil {
		_ = tx.control("ROLLBACK")
		w.err = Translate(fmt.Errorf("commit: %w", err))
		return false
	}
	w.committed()
	return true
}

func (w *write) committed() {
	for _, f := range w.onCommit {
		f()
	}
}

// errChanged means that a write of a group failed, and may have changed something.
var errChanged = errors.New("a write failed after it changed something")

// runBare runs w and stores the error of w in w. It returns errChanged if changes
// of w would be committed although it failed, or the group has no transaction any
// more.
func (tx *Tx) runBare(w *write) error {
	if w.err = context.Cause(w.ctx); w.err != nil {
		return nil //nolint:nilerr // it is w's alone
	}
	tx.changed, tx.broken = false, false
	if w.err = tx.call(w); tx.broken || w.err != nil && (tx.changed || w.panicked != nil || !harmless(w.err)) {
		return errChanged
	}
	return nil
}

// runInSavepoint runs w in a savepoint. It stores the error of w in w, and
// returns an error only if the whole group has failed.
func (tx *Tx) runInSavepoint(w *write) error {
	if w.err = context.Cause(w.ctx); w.err != nil {
		return nil //nolint:nilerr // it is w's alone
	}
	if err := tx.control("SAVEPOINT w"); err != nil {
		return err
	}
	w.err = tx.call(w)
	if w.err != nil {
		if err := tx.control("ROLLBACK TO w"); err != nil {
			if errors.Is(w.err, ErrUnavailable) {
				return w.err // on a full disk SQLite has rolled back the whole transaction
			}
			return fmt.Errorf("roll back after %v: %w", w.err, err) //nolint:errorlint // w's own fault is not its neighbours'
		}
	}
	return tx.control("RELEASE w")
}

// call runs w, not necessarily for the first time.
func (tx *Tx) call(w *write) (err error) {
	tx.current, w.panicked, w.onCommit = w, nil, w.onCommit[:0]
	defer func() {
		if p := recover(); p != nil {
			w.panicked, err = fmt.Sprintf("%v\n\non the writer's goroutine:\n%s", p, debug.Stack()), errors.New("panic in a write")
		}
	}()
	return w.do(tx)
}

// Tx is the transaction of a Write. It is valid only until the function returns
// that received it.
type Tx struct {
	db      *DB
	conn    *sql.Conn
	stmts   map[string]*sql.Stmt
	current *write
	// changed is set after a statement that may have changed something, broken
	// after one whose error may have ended the transaction.
	changed, broken bool
	// moved is what was written to the log before moveLog began last, in bytes.
	moved int64
}

// Exec runs a statement. Its text is prepared once and cached.
func (tx *Tx) Exec(query string, args ...any) (rowsAffected int64, err error) {
	rowsAffected, err = tx.exec(query, args...)
	tx.changed = tx.changed || err == nil
	tx.broken = tx.broken || err != nil && !harmless(err)
	return rowsAffected, err
}

func (tx *Tx) exec(query string, args ...any) (rowsAffected int64, err error) {
	stmt, err := tx.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, tx.db.observe(err)
	}
	return res.RowsAffected()
}

// Query runs a read that sees the transaction's own writes. The rows must be
// closed before the next statement.
func (tx *Tx) Query(query string, args ...any) (*Rows, error) {
	stmt, err := tx.stmt(query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(context.Background(), args...) //nolint:rowserrcheck // Rows.Err does it for the caller
	if err != nil {
		return nil, tx.db.observe(err)
	}
	return &Rows{rows, tx.db}, nil
}

// QueryRow is Query for at most one row.
func (tx *Tx) QueryRow(query string, args ...any) Row {
	stmt, err := tx.stmt(query)
	if err != nil {
		return Row{err: err}
	}
	return Row{row: stmt.QueryRowContext(context.Background(), args...), db: tx.db}
}

// OnCommit registers f to be called, on the goroutine of the writer, after the
// transaction is durable. f is not called if the transaction fails.
func (tx *Tx) OnCommit(f func()) {
	tx.current.onCommit = append(tx.current.onCommit, f)
}

// errReading reports that a read kept the log from being emptied.
var errReading = errors.New("a read did not end in time")

// emptyLog is the part of Checkpoint for which writes wait. The statement is
// not cached, because SQLite sets a timeout when it prepares it.
func (tx *Tx) emptyLog() error {
	ctx := context.Background()
	if _, err := tx.conn.ExecContext(ctx, "PRAGMA busy_timeout(100)"); err != nil {
		return tx.db.observe(err)
	}
	defer func() { _, _ = tx.conn.ExecContext(ctx, "PRAGMA "+patience) }()
	var busy bool
	if err := tx.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, new(int), new(int)); err != nil {
		return err
	}
	if busy {
		return ErrUnavailable.Wrap(errReading)
	}
	return nil
}

// moveRest is the part of moveLog for which writes wait.
func (tx *Tx) moveRest() error {
	_, err := pagesOf(tx.QueryRow(onlineCheckpoint))
	return err
}

// close closes the connection. SQLite would keep the connection open while it
// has statements, and would not move the write-ahead log into the database.
func (tx *Tx) close() {
	for _, s := range tx.stmts {
		_ = s.Close()
	}
	_ = tx.conn.Close()
}

func (tx *Tx) stmt(query string) (*sql.Stmt, error) {
	if s, ok := tx.stmts[query]; ok {
		return s, nil
	}
	s, err := tx.conn.PrepareContext(context.Background(), preparedOnce(query))
	if err != nil {
		return nil, tx.db.observe(err)
	}
	tx.stmts[query] = s
	return s, nil
}

// commit commits the transaction.
func (tx *Tx) commit() error {
	return tx.db.vfs.Commit(func() error { return tx.control("COMMIT") })
}

func (tx *Tx) control(query string) error {
	_, err := tx.exec(query)
	return err
}
