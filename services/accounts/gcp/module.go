// Package gcp runs the accounts service on Cloud Spanner, Cloud Storage and Pub/Sub.
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
	"github.com/concha-labs/backend/services/accounts"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/spannerstore"
	"github.com/concha-labs/backend/services/accounts/internal/backend"
)

// Adapters provides the adapters for accounts.Module.
func Adapters() fx.Option { return fx.Provide(fx.Private, open) }

func open(cfg accounts.Config, lc fx.Lifecycle, logger *zap.Logger) (backend.Adapters, error) {
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
	images := gcsblob.New(objects, cfg.Bucket)
	log := spannerlog.New(db)
	store := spannerstore.New(db, log, spannerkeys.New(time.Now))
	return backend.Adapters{
		Database: store, Images: images, Log: log, Reader: log,
		Objects: images, Custody: spannercustody.New(db),
		Publisher:  pubsubbus.NewPublisher(broker, cfg.EventsTopic),
		Subscriber: pubsubbus.NewSubscriber(broker, cfg.Subscription, logger),
		Checks:     backend.Checks{"database": db.Check, "images": images.Check},
	}, nil
}
