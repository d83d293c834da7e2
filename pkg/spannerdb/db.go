// Package spannerdb is how the services use a Cloud Spanner database: calls
// that end in time, transactions that can be limited in number, errors as
// faults, embedded migrations.
package spannerdb

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/spanner"
	vkit "cloud.google.com/go/spanner/apiv1"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// A call ends after callTimeout. A transaction that it leaves open is given
// rollbackTimeout more, and a statement that is refused explainTimeout.
const (
	callTimeout     = 4 * time.Second
	rollbackTimeout = time.Second
	explainTimeout  = time.Second
	checkTimeout    = 2 * time.Second
)

// Config is what a DB is opened with.
type Config struct {
	// MaxWrites is how many read-write transactions may be under way at once;
	// the others wait for their turn. 0 sets no limit.
	MaxWrites int
	// Migrations make the database's schema.
	Migrations []Migrations
}

// Migrations are the ordered SQL files of one component of a database.
type Migrations struct {
	// Component names the owner of the files, for the record of what has run.
	Component string
	// Files holds files named migrations/NNN_what.sql, with NNN from 001 without
	// gaps, as a package embeds them. A file that was released is never changed. As Spanner
	// applies DDL statement by statement, each is written so that it may run
	// again: CREATE ... IF NOT EXISTS and the like.
	Files fs.FS
}

// DB is a client of one database. It is safe for concurrent use. No call takes
// longer than six seconds, and what failed because Spanner could not be
// reached works again, without further ado, once it can.
type DB struct {
	database   string
	options    []option.ClientOption
	migrations []Migrations
	writes     chan struct{} // holds one element per transaction; nil: no limit
	connect    func() (*spanner.Client, error)
	renewing   atomic.Bool

	mu     sync.RWMutex
	client *spanner.Client
	closed bool
}

// reconnectSoon is for every client: after an outage, gRPC's own pause before
// it connects again grows to two minutes.
var reconnectSoon = option.WithGRPCDialOption(grpc.WithConnectParams(grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
	MinConnectTimeout: callTimeout,
}))

// Open returns a client of a database, named as in
// projects/P/instances/I/databases/D. It does not wait for Spanner: whether
// the database can be reached is told by Check. options go to every client of
// the API.
func Open(ctx context.Context, database string, cfg Config, options ...option.ClientOption) (*DB, error) {
	options = append([]option.ClientOption{reconnectSoon}, options...)
	connect := func() (*spanner.Client, error) {
		return spanner.NewClientWithConfig(context.WithoutCancel(ctx), database, spanner.ClientConfig{
			DisableNativeMetrics: true, // telemetry is the process's own business
			CallOptions: &vkit.CallOptions{
				// The client makes these two calls without the caller's deadline.
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

// Close ends the client's connections.
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

// renew replaces a client whose session is gone, as when the database has been
// made anew: the client would keep that session for days. It does so in the
// background, for no call is to wait for a connection beyond its time; until
// then, calls find the session gone again.
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

// replace has client used from now on, and returns the one to close: the one
// used so far or, after Close, client itself.
func (db *DB) replace(client *spanner.Client) *spanner.Client {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return client
	}
	client, db.client = db.client, client
	return client
}

// Read runs do, which makes one read or query with tx and ends it before it
// returns. What it sees is the database after every commit that was answered
// before the call. Errors: do's own; fault.Unavailable if Spanner or the
// database cannot take the request, as while its schema is behind;
// context.Canceled if ctx is.
func (db *DB) Read(ctx context.Context, do func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error) error {
	return db.explain(ctx, db.read(ctx, do))
}

func (db *DB) read(ctx context.Context, do func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	client := db.current()
	err := do(call, client.Single())
	db.renew(client, err)
	return translate(ctx, err)
}

// Tx is the transaction that a ReadWrite runs in. It is valid only until the
// function it was given to returns.
type Tx struct {
	*spanner.ReadWriteTransaction
	onCommit []func()
}

// OnCommit has f called once the transaction has committed. It is not called
// if the transaction, or this run of it, fails.
func (tx *Tx) OnCommit(f func()) { tx.onCommit = append(tx.onCommit, f) }

// ReadWrite runs do in a transaction, which begins with do's first read, or
// with the commit if it only writes. do is run again if Spanner aborts the
// transaction. Errors: as Read's; also Duplicate's. After fault.Unavailable and
// context.Canceled the transaction may have committed all the same.
func (db *DB) ReadWrite(ctx context.Context, do func(ctx context.Context, tx *Tx) error) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
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
	client := db.current()
	_, err := client.ReadWriteTransaction(call, func(call context.Context, rw *spanner.ReadWriteTransaction) error {
		tx := &Tx{ReadWriteTransaction: rw}
		err := do(call, tx)
		onCommit = tx.onCommit
		return err
	})
	if err != nil {
		db.renew(client, err)
		return db.explain(ctx, translate(ctx, err))
	}
	for _, f := range onCommit {
		f()
	}
	return nil
}
