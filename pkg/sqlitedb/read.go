package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"time"
)

const (
	// readTime is the usual bound of a call of Read, including the wait for
	// a connection.
	readTime = 5 * time.Second
	// maxStatements bounds the prepared statements of a connection.
	maxStatements = 256
)

// errSlow is an ErrUnavailable whose text names the cause.
var errSlow = ErrUnavailable.Detailf("the read took too long because the server is busy; try again later")

// ReadTx is a read transaction: all of its reads see the same state of the
// database. It is valid only until the function returns that received it.
type ReadTx struct {
	ctx   context.Context //nolint:containedctx // that of the call that uses the connection now
	db    *DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// newReadTxs returns a pool of connections that are not open yet, one for each
// processor and at least two. The one that Read never uses is for ReadShort.
func newReadTxs() chan *ReadTx {
	pool := make(chan *ReadTx, max(2, runtime.GOMAXPROCS(0)))
	for range cap(pool) {
		pool <- new(ReadTx)
	}
	return pool
}

// Read runs do, which may read much. Its connections are not those of Query,
// and one processor is left for short reads, which would otherwise wait for their
// turn. Statements end when ctx ends, or 5 s after the call. Read is safe for
// concurrent use. Errors:
//   - the error of do.
//   - the error of ctx, if it ended first.
//   - fault.Unavailable: the database is closed or cannot be read, or the time
//     was not enough.
func (db *DB) Read(ctx context.Context, do func(*ReadTx) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, db.readTime, errSlow)
	defer cancel()
	select {
	case db.longReads <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-db.closed:
		return errClosed
	}
	defer func() { <-db.longReads }()
	return db.read(ctx, ctx, do)
}

// ReadShort is Read for about a hundred rows. It may use all connections of
// Read. Statements that have begun complete even if ctx ends; see Query.
func (db *DB) ReadShort(ctx context.Context, do func(*ReadTx) error) error {
	waiting, cancel := context.WithTimeoutCause(ctx, db.readTime, errSlow)
	defer cancel()
	return db.read(waiting, context.WithoutCancel(ctx), do)
}

// read runs do, whose statements end when running ends, with the connection that
// is free first. It waits for one until ctx ends.
func (db *DB) read(ctx, running context.Context, do func(*ReadTx) error) error {
	var tx *ReadTx
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-db.closed:
		return errClosed
	case tx = <-db.readTxs:
	}
	defer func() { db.readTxs <- tx }()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-db.closed:
		return errClosed
	default:
	}
	tx.ctx, tx.db = running, db
	err := tx.run(db.readers, do)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return db.observe(err)
}

func (tx *ReadTx) run(db *sql.DB, do func(*ReadTx) error) (err error) {
	if tx.conn == nil {
		if tx.conn, err = db.Conn(tx.ctx); err != nil {
			return fmt.Errorf("open connection: %w", err)
		}
		tx.stmts = map[string]*sql.Stmt{}
	}
	if err := tx.control("BEGIN"); err != nil {
		return errors.Join(err, tx.close())
	}
	defer func() {
		if failed := tx.control("ROLLBACK"); failed != nil || len(tx.stmts) > maxStatements {
			err = errors.Join(err, tx.close())
		}
	}()
	return do(tx)
}

// Query runs a read, whose text is prepared once and cached.
func (tx *ReadTx) Query(query string, args ...any) (*Rows, error) {
	stmt, err := tx.stmt(query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(tx.ctx, args...) //nolint:rowserrcheck // Rows.Err does it for the caller
	if err != nil {
		return nil, err
	}
	return &Rows{rows, tx.db}, nil
}

// QueryRow is Query for at most one row.
func (tx *ReadTx) QueryRow(query string, args ...any) Row {
	stmt, err := tx.stmt(query)
	if err != nil {
		return Row{err: err}
	}
	return Row{row: stmt.QueryRowContext(tx.ctx, args...), db: tx.db}
}

func (tx *ReadTx) stmt(query string) (stmt *sql.Stmt, err error) {
	stmt, ok := tx.stmts[query]
	if !ok {
		if stmt, err = tx.conn.PrepareContext(tx.ctx, preparedOnce(query)); err == nil {
			tx.stmts[query] = stmt
		}
	}
	return stmt, err
}

// control runs a statement that takes no time, even after the end of the
// context.
func (tx *ReadTx) control(query string) error {
	stmt, ok := tx.stmts[query]
	if !ok {
		var err error
		if stmt, err = tx.conn.PrepareContext(context.Background(), query); err != nil {
			return err
		}
		tx.stmts[query] = stmt
	}
	_, err := stmt.ExecContext(context.Background())
	return err
}

// close closes the connection. The next call opens another one.
func (tx *ReadTx) close() error {
	if tx.conn == nil {
		return nil
	}
	for _, stmt := range tx.stmts {
		_ = stmt.Close()
	}
	err := tx.conn.Close()
	tx.conn, tx.stmts = nil, nil
	return err
}

// Row is the result of a query for at most one row.
type Row struct {
	row *sql.Row
	err error
	db  *DB
}

// Scan copies the row's columns. Errors: sql.ErrNoRows if there is no row, and
// those of Rows.Scan.
func (r Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	return r.db.observe(r.row.Scan(dest...))
}

// Rows is the result of a query.
type Rows struct {
	*sql.Rows
	db *DB
}

// Scan copies the columns of the current row. Errors: ErrUnavailable if a value
// is not of the type that the schema promises.
func (r *Rows) Scan(dest ...any) error { return r.db.observe(r.Rows.Scan(dest...)) }

// Err returns the error that ended the rows, if any. Errors: ErrUnavailable.
func (r *Rows) Err() error { return r.db.observe(r.Rows.Err()) }
