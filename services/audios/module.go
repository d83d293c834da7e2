package audios

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/backend"
	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/services/audios/internal/adapters/accountsapi"
	"github.com/concha-labs/backend/services/audios/internal/adapters/httpapi"
	"github.com/concha-labs/backend/services/audios/internal/adapters/subscriber"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

// Handler serves the audios part of the v1 API, /livez and /readyz.
type Handler http.Handler

// AccountsTransport makes the requests to Config.Accounts.
type AccountsTransport http.RoundTripper

var service = backend.Service[app.Database, *app.Service]{
	Name: "audios", Objects: "files", New: newService, Subscriber: subscriber.New, Handler: httpapi.New,
}

func newService(a backend.Adapters[app.Database]) *app.Service {
	return app.New(a.Database, a.Objects, app.Sources{
		Now:     time.Now,
		NewName: rand.Text,
	})
}

// Module runs the service on the adapters of its package embedded or gcp, and
// provides its Handler. It needs a *background.Group and an AccountsTransport.
func Module(cfg Config, adapters fx.Option) fx.Option {
	settings := backend.Settings{Origin: string(cfg.PublicURL), RequireIfMatch: cfg.RequireIfMatch}
	return backend.Module(service, settings, fx.Options(fx.Supply(fx.Private, cfg), adapters),
		func(h http.Handler) Handler { return h }, fx.Invoke(reconcile))
}

// reconcileEvery is the time from one reconciliation to the next.
const reconcileEvery = 30 * time.Second

func reconcile(cfg Config, g *background.Group, service *app.Service, transport AccountsTransport, logger *zap.Logger) {
	if cfg.Accounts.URL == "" {
		logger.Info("CONCHA_ACCOUNTS_URL is not set: if the message of a deleted account is lost, its sessions stay")
		return
	}
	accounts := accountsapi.New(string(cfg.Accounts.URL), cfg.Accounts.TokenFile, transport)
	g.Every(reconcileEvery, "reconciliation with the events of accounts", subscriber.NewReconciler(service, accounts, logger))
}

// Adopt gives the service's database custody of the object store, on the adapters
// of its package embedded or gcp, and writes to out what it found. No process
// may serve on an embedded database meanwhile. options provide what the adapters
// need.
func Adopt(ctx context.Context, cfg Config, adapters fx.Option, out io.Writer, options ...fx.Option) error {
	return service.Adopt(ctx, out, fx.Options(fx.Supply(cfg), adapters), options...)
}
