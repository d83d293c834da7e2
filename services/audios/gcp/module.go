// Package gcp runs the audios service on Cloud Spanner, Cloud Storage and Pub/Sub.
package gcp

import (
	"context"
	"time"

	"cloud.google.com/go/storage"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/blob/gcsblob"
	"github.com/concha-labs/backend/pkg/bus/pubsubbus"
	"github.com/concha-labs/backend/pkg/custody/spannercustody"
	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/idempotency/spannerkeys"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/services/audios"
	"github.com/concha-labs/backend/services/audios/internal/adapters/spannerstore"
	"github.com/concha-labs/backend/services/audios/internal/backend"
)

// Adapters provides the adapters for audios.Module.
func Adapters() fx.Option { return fx.Provide(fx.Private, open) }

func open(cfg audios.Config, lc fx.Lifecycle, logger *zap.Logger) (backend.Adapters, error) {
	ctx := context.Background() // the clients outlive the start
	db, err := spannerdb.Open(ctx, cfg.SpannerDatabase, spannerdb.Config{
		MaxWrites: cfg.SpannerMaxWrites, Migrations: spannerstore.Schema(),
	})
	if err != nil {
		return backend.Adapters{}, err
	}
	lc.Append(fx.StopHook(db.Close))
	objects, err := storage.NewClient(ctx)
	if err != nil {
		return backend.Adapters{}, err
	}
	lc.Append(fx.StopHook(objects.Close))
	broker, err := pubsubbus.Connect(ctx, cfg.Project)
	if err != nil {
		return backend.Adapters{}, err
	}
	lc.Append(fx.StopHook(broker.Close))
	files := gcsblob.New(objects, cfg.Bucket)
	log := spannerlog.New(db)
	store := spannerstore.New(db, log, spannerkeys.New(time.Now))
	return backend.Adapters{
		Database: store, Files: files, Log: log, Reader: log,
		Objects: files, Custody: spannercustody.New(db),
		Publisher: pubsubbus.NewPublisher(broker, cfg.EventsTopic),
		Subscribers: backend.Subscribers{
			"audio":   pubsubbus.NewSubscriber(broker, cfg.Subscription, logger),
			"account": pubsubbus.NewSubscriber(broker, cfg.AccountEventsSubscription, logger),
		},
		Checks: backend.Checks{"database": db.Check, "files": files.Check},
	}, nil
}
