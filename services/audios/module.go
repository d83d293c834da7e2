package audios

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/feed"
	"github.com/concha-labs/backend/services/audios/internal/adapters/httpapi"
	"github.com/concha-labs/backend/services/audios/internal/adapters/subscriber"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/backend"
)

// Handler serves the audios part of the v1 API, /livez and /readyz.
type Handler http.Handler

// Module runs the service on the adapters of its package embedded or gcp, and
// provides its Handler. It needs a *background.Group.
func Module(cfg Config, adapters fx.Option) fx.Option {
	return fx.Module("audios",
		fx.Supply(fx.Private, cfg),
		adapters,
		fx.Provide(fx.Private, newService, newKeeper),
		fx.Provide(newHandler),
		fx.Invoke(runLoops),
	)
}

func newService(db app.Database, files app.Files) *app.Service {
	return app.New(db, files, app.Sources{
		Now:     time.Now,
		NewName: rand.Text,
	})
}

func newKeeper(service *app.Service, db custody.Database, objects custody.Objects, log *zap.Logger) *custody.Keeper {
	return custody.New("audios", db, objects, service.ReferencedFiles, custody.Sources{Now: time.Now, NewID: rand.Text}, log)
}

func newHandler(cfg Config, service *app.Service, keeper *custody.Keeper, log eventlog.Reader, checks backend.Checks) Handler {
	checks["custody of files"] = keeper.Check
	return httpapi.New(service, feed.New("audios", log), checks, cfg.RequireIfMatch)
}

const (
	upkeepEvery = time.Hour
	sweepAfter  = 10 * time.Minute // of the start
)

func runLoops(cfg Config, g *background.Group, keeper *custody.Keeper, service *app.Service, log eventlog.Log, upkeep backend.Upkeep, purges backend.Purges, pub bus.Publisher, subs backend.Subscribers, logger *zap.Logger) {
	g.Go(background.Publishing, "relay of audio events", func(ctx context.Context) error {
		eventlog.NewRelay("audios", string(cfg.PublicURL), log, pub, logger).Run(ctx)
		return nil
	})
	for name, sub := range subs {
		g.Go(background.Receiving, "subscriber of audios to "+name+" events", func(ctx context.Context) error {
			return sub.Receive(ctx, subscriber.New(service))
		})
	}
	g.Go(background.Publishing, "custody of files", func(ctx context.Context) error {
		keeper.Run(ctx)
		return nil
	})
	g.EveryByClockAfter(sweepAfter, upkeepEvery, "sweep of orphaned files", keeper.Sweep)
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
