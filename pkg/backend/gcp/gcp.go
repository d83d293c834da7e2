// Package gcp opens a backend on Cloud Spanner, Cloud Storage and Pub/Sub.
package gcp

import (
	"context"
	"errors"
	"slices"
	"time"

	"cloud.google.com/go/storage"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/backend"
	"github.com/concha-labs/backend/pkg/blob/gcsblob"
	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/pubsubbus"
	"github.com/concha-labs/backend/pkg/custody/spannercustody"
	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/idempotency/spannerkeys"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

// Config describes the backend of a service.
type Config struct {
	settings.Storage
	Objects       string // names the objects in the checks of readiness
	Migrations    []spannerdb.Migrations
	Topic         string // of the service's events
	Subscriptions []bus.Subscription
}

// Opened is a Backend and the parts of it that a store needs.
type Opened struct {
	backend.Backend
	DB    *spannerdb.DB
	Log   *spannerlog.Log
	Keys  *spannerkeys.Keys
	Close func() error // closes all clients
}

// Open opens a backend. The caller must close it.
func Open(cfg Config, logger *zap.Logger) (opened Opened, err error) {
	ctx := context.Background() // the clients outlive the start
	var closers []func() error
	closeAll := func() (err error) {
		for _, one := range slices.Backward(closers) {
			err = errors.Join(err, one())
		}
		return err
	}
	defer func() {
		if err != nil {
			_ = closeAll()
		}
	}()
	db, err := spannerdb.Open(ctx, cfg.SpannerDatabase, spannerdb.Config{MaxWrites: cfg.SpannerMaxWrites, Migrations: cfg.Migrations})
	if err != nil {
		return Opened{}, err
	}
	closers = append(closers, func() error { db.Close(); return nil })
	client, err := storage.NewClient(ctx)
	if err != nil {
		return Opened{}, err
	}
	closers = append(closers, client.Close)
	broker, err := pubsubbus.Connect(ctx, cfg.Project, string(cfg.PubSubEndpoint))
	if err != nil {
		return Opened{}, err
	}
	closers = append(closers, broker.Close)
	log, objects := spannerlog.New(db), gcsblob.New(client, cfg.Bucket)
	subscribers := map[string]bus.Subscriber{}
	for _, s := range cfg.Subscriptions {
		subscribers[s.Name] = pubsubbus.NewSubscriber(broker, s.Name, logger)
	}
	return Opened{backend.Backend{
		Log: log, Objects: objects, Custody: spannercustody.New(db),
		Publisher: pubsubbus.NewPublisher(broker, cfg.Topic), Subscribers: subscribers,
		Checks: map[string]func(context.Context) error{"database": db.Check, cfg.Objects: objects.Check},
	}, db, log, spannerkeys.New(time.Now), closeAll}, nil
}
