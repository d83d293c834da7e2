package accounts

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"net/http"
	"path/filepath"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/storage"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/blob/fileblob"
	"github.com/concha-labs/backend/pkg/blob/gcsblob"
	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/bus/pubsubbus"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/feed"
	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/idempotency/spannerkeys"
	"github.com/concha-labs/backend/pkg/idempotency/sqlitekeys"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/httpapi"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/imaging"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/spannerstore"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/sqlitestore"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/subscriber"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// Handler serves the accounts part of the v1 API, /livez and /readyz.
type Handler http.Handler

// Module runs the service and provides its Handler. It needs a *background.Group
// and, on the embedded backend, a *membus.Bus.
func Module(cfg Config) fx.Option {
	adapters := fx.Provide(fx.Private, cloudAdapters)
	if cfg.Backend == embedded {
		adapters = fx.Provide(fx.Private, embeddedAdapters)
	}
	return fx.Module("accounts",
		fx.Supply(fx.Private, cfg),
		adapters,
		fx.Provide(fx.Private, newService),
		fx.Provide(newHandler),
		fx.Invoke(runLoops),
	)
}

// adapters are the choices that a backend makes.
type adapters struct {
	fx.Out
	Store      app.Store
	Discards   app.Discards
	Images     app.Images
	Log        eventlog.Log
	Reader     eventlog.Reader
	Purges     purges
	Publisher  bus.Publisher
	Subscriber bus.Subscriber
	Checks     checks
}

type (
	// checks are what has to hold for the service to be ready, by name.
	checks map[string]func(context.Context) error
	// purges remove what has been kept for long enough, by its name; none if
	// the database does so by itself.
	purges map[string]func(context.Context) (removed int64, err error)
)

func embeddedAdapters(cfg Config, lc fx.Lifecycle, b *membus.Bus) (adapters, error) {
	db, err := sqlitedb.Open(context.Background(), filepath.Join(cfg.DataDir, "accounts.db"), sqlitelog.Migrations(), sqlitekeys.Migrations(), sqlitestore.Migrations())
	if err != nil {
		return adapters{}, err
	}
	lc.Append(fx.StopHook(db.Close))
	images, err := fileblob.New(filepath.Join(cfg.DataDir, "images"))
	if err != nil {
		return adapters{}, err
	}
	log := sqlitelog.New(db, time.Now)
	keys := sqlitekeys.New(db, time.Now)
	store := sqlitestore.New(db, log, keys)
	return adapters{
		Store: store, Discards: store, Images: images, Log: log, Reader: log, Purges: purges{"old account events": log.Purge, "old idempotency keys of accounts": keys.Purge},
		Publisher:  b.Publisher(cfg.EventsTopic),
		Subscriber: b.Subscriber(cfg.EventsTopic, cfg.Subscription),
		Checks:     checks{"database": db.Check, "images": images.Check},
	}, nil
}

func cloudAdapters(cfg Config, lc fx.Lifecycle, logger *zap.Logger) (adapters, error) {
	ctx := context.Background() // the clients' own, beyond the start
	db, err := spannerdb.Open(ctx, cfg.SpannerDatabase, spannerdb.Config{
		MaxWrites: cfg.SpannerMaxWrites, Migrations: spannerstore.Schema(),
	})
	if err != nil {
		return adapters{}, err
	}
	lc.Append(fx.StopHook(db.Close))
	objects, err := storage.NewClient(ctx)
	if err != nil {
		return adapters{}, err
	}
	lc.Append(fx.StopHook(objects.Close))
	broker, err := pubsub.NewClient(ctx, cfg.Project)
	if err != nil {
		return adapters{}, err
	}
	lc.Append(fx.StopHook(broker.Close))
	images := gcsblob.New(objects, cfg.Bucket)
	log := spannerlog.New(db)
	store := spannerstore.New(db, log, spannerkeys.New(time.Now))
	return adapters{
		Store: store, Discards: store, Images: images, Log: log, Reader: log,
		Publisher:  pubsubbus.NewPublisher(broker, cfg.EventsTopic),
		Subscriber: pubsubbus.NewSubscriber(broker, cfg.Subscription, logger),
		Checks:     checks{"database": db.Check, "images": images.Check},
	}, nil
}

func newService(store app.Store, discards app.Discards, images app.Images) *app.Service {
	return app.New(store, discards, images, imaging.New(), app.Sources{
		Now:     time.Now,
		NewID:   func() int64 { return mathrand.Int64N(domain.MaxID) + 1 }, //nolint:gosec // ids are spread, not secret
		NewName: rand.Text,
	})
}

func newHandler(cfg Config, service *app.Service, log eventlog.Reader, checks checks) Handler {
	return httpapi.New(service, feed.New("accounts", log), checks, cfg.RequireIfMatch)
}

const upkeepEvery = time.Hour

func runLoops(g *background.Group, service *app.Service, log eventlog.Log, purges purges, pub bus.Publisher, sub bus.Subscriber, logger *zap.Logger) {
	g.Go(background.Publishing, "relay of account events", func(ctx context.Context) error {
		eventlog.NewRelay("accounts", log, pub, logger).Run(ctx)
		return nil
	})
	g.Go(background.Receiving, "subscriber to account events", func(ctx context.Context) error {
		return sub.Receive(ctx, subscriber.New(service))
	})
	g.Every(upkeepEvery, "sweep of orphaned images", service.SweepImages)
	for name, purge := range purges {
		g.Every(upkeepEvery, "purge of "+name, purge)
	}
}
