package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/feed"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/httpapi"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/imaging"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/subscriber"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/backend"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// Handler serves the accounts part of the v1 API, /livez and /readyz.
type Handler http.Handler

// Module runs the service on the adapters of its package embedded or gcp, and
// provides its Handler. It needs a *background.Group.
func Module(cfg Config, adapters fx.Option) fx.Option {
	return fx.Module("accounts",
		fx.Supply(fx.Private, cfg),
		adapters,
		fx.Provide(fx.Private, newService, newKeeper),
		fx.Provide(newHandler),
		fx.Invoke(runLoops),
	)
}

func newService(db app.Database, images app.Images) *app.Service {
	return app.New(db, images, imaging.New(), app.Sources{
		Now:     time.Now,
		NewID:   func() int64 { return mathrand.Int64N(domain.MaxID) + 1 }, //nolint:gosec // ids are spread, not secret
		NewName: rand.Text,
	})
}

func newKeeper(service *app.Service, db custody.Database, objects custody.Objects, log *zap.Logger) *custody.Keeper {
	return custody.New("accounts", db, objects, service.ReferencedImages, custody.Sources{Now: time.Now, NewID: rand.Text}, log)
}

func newHandler(cfg Config, service *app.Service, keeper *custody.Keeper, log eventlog.Reader, checks backend.Checks) Handler {
	checks["custody of images"] = keeper.Check
	return httpapi.New(service, feed.New("accounts", log), checks, cfg.RequireIfMatch)
}

const (
	upkeepEvery = time.Hour
	sweepAfter  = 10 * time.Minute // of the start
)

func runLoops(cfg Config, g *background.Group, keeper *custody.Keeper, service *app.Service, log eventlog.Log, upkeep backend.Upkeep, purges backend.Purges, pub bus.Publisher, sub bus.Subscriber, logger *zap.Logger) {
	g.Go(background.Publishing, "relay of account events", func(ctx context.Context) error {
		eventlog.NewRelay("accounts", string(cfg.PublicURL), log, pub, logger).Run(ctx)
		return nil
	})
	g.Go(background.Receiving, "subscriber to account events", func(ctx context.Context) error {
		return sub.Receive(ctx, subscriber.New(service))
	})
	g.Go(background.Publishing, "custody of images", func(ctx context.Context) error {
		keeper.Run(ctx)
		return nil
	})
	g.EveryByClockAfter(sweepAfter, upkeepEvery, "sweep of orphaned images", keeper.Sweep)
	for name, task := range upkeep {
		g.Every(upkeepEvery, name, task)
	}
	for name, purge := range purges {
		g.EveryByClock(upkeepEvery, "purge of "+name, purge)
	}
}

// Adopt gives the service's database custody of the object store, on the adapters
// of its package embedded or gcp, and writes to out what it found. No process
// may serve on an embedded database meanwhile. options provide what the adapters
// need.
func Adopt(ctx context.Context, cfg Config, adapters fx.Option, out io.Writer, options ...fx.Option) error {
	var keeper *custody.Keeper
	adopter := fx.New(fx.NopLogger, fx.Supply(cfg), fx.Provide(zap.NewNop), adapters, fx.Options(options...),
		fx.Provide(newService, newKeeper), fx.Populate(&keeper))
	if err := adopter.Start(ctx); err != nil {
		return err
	}
	return errors.Join(keeper.Adopt(ctx, out), adopter.Stop(ctx))
}
