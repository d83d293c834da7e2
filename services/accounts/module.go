package accounts

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"net/http"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/bus"
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
		fx.Provide(fx.Private, newService),
		fx.Provide(newHandler),
		fx.Invoke(runLoops),
	)
}

func newService(store app.Store, discards app.Discards, images app.Images) *app.Service {
	return app.New(store, discards, images, imaging.New(), app.Sources{
		Now:     time.Now,
		NewID:   func() int64 { return mathrand.Int64N(domain.MaxID) + 1 }, //nolint:gosec // ids are spread, not secret
		NewName: rand.Text,
	})
}

func newHandler(cfg Config, service *app.Service, log eventlog.Reader, checks backend.Checks) Handler {
	return httpapi.New(service, feed.New("accounts", log), checks, cfg.RequireIfMatch)
}

const upkeepEvery = time.Hour

func runLoops(cfg Config, g *background.Group, service *app.Service, log eventlog.Log, purges backend.Purges, pub bus.Publisher, sub bus.Subscriber, logger *zap.Logger) {
	g.Go(background.Publishing, "relay of account events", func(ctx context.Context) error {
		eventlog.NewRelay("accounts", string(cfg.PublicURL), log, pub, logger).Run(ctx)
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
