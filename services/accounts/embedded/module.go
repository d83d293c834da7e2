// Package embedded runs the accounts service on SQLite, a folder and the bus of its
// process.
package embedded

import (
	"context"
	"path/filepath"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/blob/fileblob"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/custody/sqlitecustody"
	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/idempotency/sqlitekeys"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/accounts"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/sqlitestore"
	"github.com/concha-labs/backend/services/accounts/internal/backend"
)

// Adapters provides the adapters for accounts.Module. It needs a *membus.Bus.
func Adapters() fx.Option { return fx.Provide(fx.Private, open) }

func open(cfg accounts.Config, lc fx.Lifecycle, b *membus.Bus, logger *zap.Logger) (backend.Adapters, error) {
	db, err := sqlitedb.Open(context.Background(), filepath.Join(cfg.DataDir, "accounts.db"), sqlitelog.Migrations(), sqlitekeys.Migrations(), sqlitecustody.Migrations(), sqlitestore.Migrations())
	if err != nil {
		return backend.Adapters{}, err
	}
	lc.Append(fx.StopHook(db.Close))
	db.LogTo(logger)
	images, err := fileblob.New(filepath.Join(cfg.DataDir, "images"))
	if err != nil {
		return backend.Adapters{}, err
	}
	log := sqlitelog.New(db, time.Now)
	keys := sqlitekeys.New(db, time.Now)
	store := sqlitestore.New(db, log, keys)
	return backend.Adapters{
		Database: store, Images: images, Log: log, Reader: log, Purges: backend.Purges{
			"old account events":               log.Purge,
			"old idempotency keys of accounts": keys.Purge,
		},
		Upkeep:  backend.Upkeep{"the write-ahead log of accounts": db.Checkpoint},
		Objects: images, Custody: sqlitecustody.New(db),
		Publisher:  b.Publisher(cfg.EventsTopic),
		Subscriber: b.Subscriber(cfg.EventsTopic, cfg.Subscription),
		Checks:     backend.Checks{"database": db.Check, "images": images.Check},
	}, nil
}
