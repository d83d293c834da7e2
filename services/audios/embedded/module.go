// Package embedded runs the audios service on SQLite, a folder and the bus of its
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
	"github.com/concha-labs/backend/services/audios"
	"github.com/concha-labs/backend/services/audios/internal/adapters/sqlitestore"
	"github.com/concha-labs/backend/services/audios/internal/backend"
)

// Adapters provides the adapters for audios.Module. It needs a *membus.Bus.
func Adapters() fx.Option { return fx.Provide(fx.Private, open) }

func open(cfg audios.Config, lc fx.Lifecycle, b *membus.Bus, logger *zap.Logger) (backend.Adapters, error) {
	db, err := sqlitedb.Open(context.Background(), filepath.Join(cfg.DataDir, "audios.db"), sqlitelog.Migrations(), sqlitekeys.Migrations(), sqlitecustody.Migrations(), sqlitestore.Migrations())
	if err != nil {
		return backend.Adapters{}, err
	}
	lc.Append(fx.StopHook(db.Close))
	db.LogTo(logger)
	files, err := fileblob.New(filepath.Join(cfg.DataDir, "files"))
	if err != nil {
		return backend.Adapters{}, err
	}
	log := sqlitelog.New(db, time.Now)
	keys := sqlitekeys.New(db, time.Now)
	store := sqlitestore.New(db, log, keys)
	return backend.Adapters{
		Database: store, Files: files, Log: log, Reader: log, Purges: backend.Purges{
			"old audio events":               log.Purge,
			"old idempotency keys of audios": keys.Purge,
		},
		Upkeep:  backend.Upkeep{"the write-ahead log of audios": db.Checkpoint},
		Objects: files, Custody: sqlitecustody.New(db),
		Publisher: b.Publisher(cfg.EventsTopic),
		Subscribers: backend.Subscribers{
			"audio":   b.Subscriber(cfg.EventsTopic, cfg.Subscription),
			"account": b.Subscriber(cfg.AccountEventsTopic, cfg.AccountEventsSubscription),
		},
		Checks: backend.Checks{"database": db.Check, "files": files.Check},
	}, nil
}
