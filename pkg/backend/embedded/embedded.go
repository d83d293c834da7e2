// Package embedded opens a backend on SQLite, a folder and the bus of the process.
package embedded

import (
	"context"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/backend"
	"github.com/concha-labs/backend/pkg/blob/fileblob"
	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/custody/sqlitecustody"
	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/idempotency/sqlitekeys"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// Config describes the backend of a service.
type Config struct {
	Dir           string // the folder of all data
	Database      string // the file of the database in Dir
	Objects       string // the folder of the objects in Dir
	Migrations    sqlitedb.Migrations
	Topic         string // of the service's events
	Subscriptions []bus.Subscription
}

// Opened is a Backend and the parts of it that a store needs.
type Opened struct {
	backend.Backend
	DB   *sqlitedb.DB
	Log  *sqlitelog.Log
	Keys *sqlitekeys.Keys
}

// Open opens a backend. The caller must close its DB.
func Open(cfg Config, b *membus.Bus, logger *zap.Logger) (Opened, error) {
	db, err := sqlitedb.Open(context.Background(), filepath.Join(cfg.Dir, cfg.Database), sqlitelog.Migrations(), sqlitekeys.Migrations(), sqlitecustody.Migrations(), cfg.Migrations)
	if err != nil {
		return Opened{}, err
	}
	db.LogTo(logger)
	objects, err := fileblob.New(filepath.Join(cfg.Dir, cfg.Objects))
	if err != nil {
		_ = db.Close()
		return Opened{}, err
	}
	log, keys := sqlitelog.New(db, time.Now), sqlitekeys.New(db, time.Now)
	subscribers := map[string]bus.Subscriber{}
	for _, s := range cfg.Subscriptions {
		subscribers[s.Name] = b.Subscriber(s.Topic, s.Name)
	}
	return Opened{backend.Backend{
		Log: log, Objects: objects, Custody: sqlitecustody.New(db),
		Publisher: b.Publisher(cfg.Topic), Subscribers: subscribers,
		Checks: map[string]func(context.Context) error{"database": db.Check, cfg.Objects: objects.Check},
		Upkeep: map[string]func(context.Context) (int64, error){"the write-ahead log": db.Checkpoint},
		Purges: map[string]func(context.Context) (int64, error){"old events": log.Purge, "old idempotency keys": keys.Purge},
	}, db, log, keys}, nil
}
