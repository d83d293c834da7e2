// Package spannerdb opens Cloud Spanner databases the way the services use
// them: bounded calls, an optional limit of concurrent transactions, errors as
// faults, and embedded migrations.
//
// The migrations are applied by a runner of about 200 lines, because
// golang-migrate's Spanner driver parses DDL with spansql, which rejects
// statements that Spanner accepts (IDENTITY columns, comments at the end), and
// goose needs a database/sql driver for Spanner besides the client.
package spannerdb

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/spanner"
	vkit "cloud.google.com/go/spanner/apiv1"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
)

// A call is cancelled after callTimeout. Rolling back its transaction may take
// rollbackTimeout longer, and explaining an error explainTimeout.
const (
	callTimeout     = 4 * time.Second
	rollbackTimeout = time.Second
	explainTimeout  = time.Second
	checkTimeout    = 2 * time.Second
)

// Config holds the options of Open.
type Config struct {
	// MaxWrites is the maximum number of concurrent read-write transactions;
	// further ones wait. 0 means no limit.
	MaxWrites int
	// Migrations define the schema of the database.
	Migrations []Migrations
}

// Migrations are the ordered SQL files of one component of a database.
type Migrations struct {
	// Component names the owner of the files in the record of applied
	// migrations.
	Component string
	// Files holds files named migrations/NNN_name.sql, with NNN from 001
	// without gaps, as a package embeds them. A released file must never be
	// changed. Spanner applies DDL one statement at a time, so each statement
	// must be repeatable: CREATE ... IF NOT EXISTS and the like.
	//
	// The files retired/NNN_name.sql drop indexes that this release does not use
	// any more but earlier ones do, by DROP INDEX IF EXISTS; see Retire. The name of
	// such an index must not be used again.
	Files fs.FS
}

// DB is a client of one database. It is safe for concurrent use. No call takes
// longer than six seconds. After an outage of Spanner, calls succeed again
// without a restart.
type DB struct {
	database   string
	options    []option.ClientOption
	migrations []Migrations
	writes     chan struct{} // holds one element per transaction; nil if there is no limit
	connect    func() (*spanner.Client, error)
	renewing   atomic.Bool

	mu     sync.RWMutex
	client *spanner.Client
	closed bool
}

// reconnectSoon applies to every client. By default, gRPC's pause before a
// reconnection grows to two minutes.
var reconnectSoon = option.WithGRPCDialOption(grpc.WithConnectParams(grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
	MinConnectTimeout: callTimeout,
}))

// Open returns a client of the database with this name:
// projects/P/instances/I/databases/D. It does not wait for Spanner; Check
// reports whether the database can be reached. options apply to every client of
// the API.
func Open(ctx context.Context, database string, cfg Config, options ...option.ClientOption) (*DB, error) {
	options = slices.Concat([]option.ClientOption{reconnectSoon}, markRequests, options)
	connect := func() (*spanner.Client, error) {
		return spanner.NewClientWithConfig(context.WithoutCancel(ctx), database, spanner.ClientConfig{
			DisableNativeMetrics: true, // the process exports its own telemetry
			CallOptions: &vkit.CallOptions{
				// The client makes these two calls without the deadline of the
				// caller.
				CreateSession: []gax.CallOption{gax.WithTimeout(callTimeout)},
				Rollback:      []gax.CallOption{gax.WithTimeout(rollbackTimeout)},
			},
		}, options...)
	}
	client, err := connect()
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", database, err)
	}
	db := &DB{database: database, options: options, migrations: cfg.Migrations, connect: connect, client: client}
	if cfg.MaxWrites > 0 {
		db.writes = make(chan struct{}, cfg.MaxWrites)
	}
	return db, nil
}

// Close closes the client's connections.
func (db *DB) Close() {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.closed = true
	db.client.Close()
}

func (db *DB) current() *spanner.Client {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.client
}

// renew replaces a client whose session no longer exists, because the database
// was dropped and created again. The client would keep using that session for
// days. renew works in the background, because no call may wait beyond its time
// limit for a connection. Until it has finished, calls fail with the same
// error.
func (db *DB) renew(used *spanner.Client, err error) {
	if !sessionGone(err) || !db.renewing.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer db.renewing.Store(false)
		if db.current() != used {
			return
		}
		client, err := db.connect()
		if err != nil {
			return // the next call tries again
		}
		db.replace(client).Close()
	}()
}

// replace makes client the current one and returns the client to close: the
// previous one or, after Close, client itself.
func (db *DB) replace(client *spanner.Client) *spanner.Client {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return client
	}
	client, db.client = db.client, client
	return client
}

// Read runs do, which makes one read or query with tx and finishes it before it
// returns. The read sees every commit that was acknowledged before the call.
// Read is safe for concurrent use. Errors:
//   - the error of do.
//   - fault.Unavailable: Spanner or the database cannot serve the request, for
//     example because its schema is behind.
//   - context.Canceled: ctx was cancelled.
//
// The calls of a context of priority.Low have low priority. All have the name of
// the calling function as their tag.
func (db *DB) Read(ctx context.Context, do func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error) error {
	return db.explain(ctx, db.read(tagged(ctx), spanner.StrongRead(), do))
}

// ReadAt is Read of the database as it was at a time, the timestamp of an earlier
// read. Any replica of Spanner can serve it. If Spanner does not keep the versions
// of that time any more, ReadAt is Read. do may then run twice.
func (db *DB) ReadAt(ctx context.Context, at time.Time, do func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error) error {
	ctx = tagged(ctx)
	err := db.read(ctx, spanner.ReadTimestamp(at), do)
	if codeOf(err) == codes.FailedPrecondition {
		err = db.read(ctx, spanner.StrongRead(), do)
	}
	return db.explain(ctx, err)
}

func (db *DB) read(ctx context.Context, bound spanner.TimestampBound, do func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	client := db.current()
	begun := time.Now()
	err := do(call, client.Single().WithTimestampBound(bound))
	readDuration.Observe(time.Since(begun).Seconds())
	db.renew(client, err)
	return translate(ctx, err)
}

// Tx is the transaction of a ReadWrite. It is valid only until the function
// returns that received it.
type Tx struct {
	*spanner.ReadWriteTransaction
	onCommit []func()
}

// OnCommit registers f to be called after the transaction has committed. f is
// not called if the transaction, or this run of it, fails.
func (tx *Tx) OnCommit(f func()) { tx.onCommit = append(tx.onCommit, f) }

// ReadWrite runs do in a transaction. The transaction begins with the first
// read of do, or with the commit if do only writes. do runs again if Spanner
// aborts the transaction. ReadWrite is safe for concurrent use. Errors:
//   - those of Read; after fault.Unavailable and context.Canceled the
//     transaction may have committed.
//   - an error for which Duplicate returns true: a key is taken.
func (db *DB) ReadWrite(ctx context.Context, do func(ctx context.Context, tx *Tx) error) error {
	call, cancel := context.WithTimeout(tagged(ctx), callTimeout)
	defer cancel()
	if db.writes != nil {
		select {
		case db.writes <- struct{}{}:
			defer func() { <-db.writes }()
		case <-call.Done():
			return translate(ctx, fmt.Errorf("wait for other transactions: %w", call.Err()))
		}
	}
	var onCommit []func()
	runs := 0
	client := db.current()
	begun := time.Now()
	_, err := client.ReadWriteTransaction(call, func(call context.Context, rw *spanner.ReadWriteTransaction) error {
		runs++
		if runs > 1 {
			retriesTotal.Inc()
		}
		tx := &Tx{ReadWriteTransaction: rw}
		err := do(call, tx)
		onCommit = tx.onCommit
		return err
	})
	writeDuration.Observe(time.Since(begun).Seconds())
	if err != nil {
		db.renew(client, err)
		return db.explain(ctx, translate(ctx, err))
	}
	for _, f := range onCommit {
		f()
	}
	return nil
}
