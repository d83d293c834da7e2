package accounts

import (
	"context"
	"crypto/rand"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"time"

	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/backend"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/httpapi"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/imaging"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/subscriber"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// Handler serves the accounts part of the v1 API, /livez and /readyz.
type Handler http.Handler

var service = backend.Service[app.Database, *app.Service]{
	Name: "accounts", Objects: "images", New: newService, Subscriber: subscriber.New, Handler: httpapi.New,
}

func newService(a backend.Adapters[app.Database]) *app.Service {
	return app.New(a.Database, a.Objects, imaging.New(), app.Sources{
		Now:     time.Now,
		NewID:   func() int64 { return mathrand.Int64N(domain.MaxID) + 1 }, //nolint:gosec // ids are spread, not secret
		NewName: rand.Text,
	})
}

// Module runs the service on the adapters of its package embedded or gcp, and
// provides its Handler. It needs a *background.Group.
func Module(cfg Config, adapters fx.Option) fx.Option {
	settings := backend.Settings{Origin: string(cfg.PublicURL), RequireIfMatch: cfg.RequireIfMatch}
	return backend.Module(service, settings, fx.Options(fx.Supply(fx.Private, cfg), adapters), func(h http.Handler) Handler { return h })
}

// Adopt gives the service's database custody of the object store, on the adapters
// of its package embedded or gcp, and writes to out what it found. No process
// may serve on an embedded database meanwhile. options provide what the adapters
// need.
func Adopt(ctx context.Context, cfg Config, adapters fx.Option, out io.Writer, options ...fx.Option) error {
	return service.Adopt(ctx, out, fx.Options(fx.Supply(cfg), adapters), options...)
}
