package audios

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"net/http"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/backend"
	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/feed"
	"github.com/concha-labs/backend/services/audios/internal/adapters/accountsapi"
	"github.com/concha-labs/backend/services/audios/internal/adapters/httpapi"
	"github.com/concha-labs/backend/services/audios/internal/adapters/subscriber"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

// Handler serves the audios part of the v1 API, /livez and /readyz.
type Handler http.Handler

// AccountsTransport makes the requests to Config.Accounts.
type AccountsTransport http.RoundTripper

// Adapters are the adapters of the service, which its packages embedded and gcp
// provide.
type Adapters struct {
	backend.Backend
	Database app.Database
}

// Module runs the service on the adapters of its package embedded or gcp, and
// provides its Handler. It needs a *background.Group and an AccountsTransport.
func Module(cfg Config, adapters fx.Option) fx.Option {
	return fx.Module("audios",
		fx.Supply(fx.Private, cfg),
		adapters,
		fx.Provide(fx.Private, newService, newKeeper),
		fx.Provide(newHandler),
		fx.Invoke(runLoops),
	)
}

func newService(a Adapters) *app.Service {
	return app.New(a.Database, a.Objects, app.Sources{
		Now:     time.Now,
		NewName: rand.Text,
	})
}

func newKeeper(a Adapters, service *app.Service, log *zap.Logger) *custody.Keeper {
	return custody.New("audios", a.Custody, a.Objects, service.ReferencedFiles, custody.Sources{Now: time.Now, NewID: rand.Text}, log)
}

func newHandler(cfg Config, a Adapters, service *app.Service, keeper *custody.Keeper) Handler {
	checks := maps.Clone(a.Checks)
	checks["custody of files"] = keeper.Check
	return httpapi.New(service, feed.New("audios", a.Log), checks, cfg.RequireIfMatch)
}

// reconcileEvery is the time from one reconciliation to the next.
const reconcileEvery = 30 * time.Second

func runLoops(cfg Config, g *background.Group, a Adapters, keeper *custody.Keeper, service *app.Service, transport AccountsTransport, logger *zap.Logger) {
	if cfg.Accounts.URL == "" {
		logger.Info("CONCHA_ACCOUNTS_URL is not set: if the message of a deleted account is lost, its sessions stay")
	} else {
		accounts := accountsapi.New(string(cfg.Accounts.URL), cfg.Accounts.TokenFile, transport)
		g.Every(reconcileEvery, "reconciliation with the events of accounts", subscriber.NewReconciler(service, accounts, logger))
	}
	a.Run(g, backend.Service{Name: "audios", Origin: string(cfg.PublicURL), Keeper: keeper, Handler: subscriber.New(service), Log: logger})
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
