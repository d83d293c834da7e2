package audios

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/bus"
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
		fx.Provide(fx.Private, newService),
		fx.Provide(newHandler),
		fx.Invoke(runLoops),
	)
}

func newService(store app.Store, creator app.Creator, discards app.Discards, files app.Files) *app.Service {
	return app.New(store, creator, discards, files, app.Sources{
		Now:     time.Now,
		NewName: rand.Text,
	})
}

func newHandler(cfg Config, service *app.Service, log eventlog.Reader, checks backend.Checks) Handler {
	return httpapi.New(service, feed.New("audios", log), checks, cfg.RequireIfMatch)
}

const upkeepEvery = time.Hour

func runLoops(cfg Config, g *background.Group, service *app.Service, log eventlog.Log, purges backend.Purges, pub bus.Publisher, subs backend.Subscribers, logger *zap.Logger) {
	g.Go(background.Publishing, "relay of audio events", func(ctx context.Context) error {
		eventlog.NewRelay("audios", string(cfg.PublicURL), log, pub, logger).Run(ctx)
		return nil
	})
	for name, sub := range subs {
		g.Go(background.Receiving, "subscriber of audios to "+name+" events", func(ctx context.Context) error {
			return sub.Receive(ctx, subscriber.New(service))
		})
	}
	g.Every(upkeepEvery, "sweep of orphaned files", service.SweepFiles)
	for name, purge := range purges {
		g.Every(upkeepEvery, "purge of "+name, purge)
	}
}
