package backend

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

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/feed"
)

// Adapters are the adapters of a service, whose database is D.
type Adapters[D any] struct {
	Backend
	Database D
}

// UseCases are the use cases of a service that work without requests.
type UseCases interface {
	// Referenced is custody.Referenced.
	Referenced(ctx context.Context, names []string) (map[string]bool, error)
}

// Service describes a service with the use cases S on a database D.
type Service[D any, S UseCases] struct {
	Name       string // such as accounts
	Objects    string // what its objects are, such as images
	New        func(Adapters[D]) S
	Subscriber func(S) bus.Handler // of the events of all subscriptions
	// Handler returns the handler of the API. checks are the conditions of
	// readiness, by name.
	Handler func(service S, changes *feed.Feed, checks map[string]func(context.Context) error, requireIfMatch bool) http.Handler
}

// Settings are the settings of a service that do not depend on its backend.
type Settings struct {
	Origin         string // under which clients reach the API
	RequireIfMatch bool   // whether changes require If-Match
}

// Module runs a service on adapters, which provide an Adapters[D], and provides
// its handler as a type of its own. It needs a *background.Group. options are those
// of the service itself, which may use S.
func Module[D any, S UseCases, H http.Handler](s Service[D, S], cfg Settings, adapters fx.Option, as func(http.Handler) H, options ...fx.Option) fx.Option {
	return fx.Module(s.Name,
		adapters,
		fx.Options(options...),
		fx.Provide(fx.Private, s.New, s.keeper),
		fx.Provide(func(a Adapters[D], service S, keeper *custody.Keeper) H {
			checks := maps.Clone(a.Checks)
			checks["custody of "+s.Objects] = keeper.Check
			return as(s.Handler(service, feed.New(s.Name, a.Log), checks, cfg.RequireIfMatch))
		}),
		fx.Invoke(func(g *background.Group, a Adapters[D], service S, keeper *custody.Keeper, log *zap.Logger) {
			a.Run(g, Loops{Name: s.Name, Origin: cfg.Origin, Keeper: keeper, Handler: s.Subscriber(service), Log: log})
		}),
	)
}

func (s Service[D, S]) keeper(a Adapters[D], service S, log *zap.Logger) *custody.Keeper {
	return custody.New(s.Name, a.Custody, a.Objects, service.Referenced, custody.Sources{Now: time.Now, NewID: rand.Text}, log)
}

// Adopt gives the database of a service custody of its object store, on adapters,
// and writes to out what it found. No process may serve on an embedded database
// meanwhile. options provide what the adapters need.
func (s Service[D, S]) Adopt(ctx context.Context, out io.Writer, adapters fx.Option, options ...fx.Option) error {
	var keeper *custody.Keeper
	adopter := fx.New(fx.NopLogger, fx.Provide(zap.NewNop), adapters, fx.Options(options...),
		fx.Provide(s.New, s.keeper), fx.Populate(&keeper))
	if err := adopter.Start(ctx); err != nil {
		return err
	}
	return errors.Join(keeper.Adopt(ctx, out), adopter.Stop(ctx))
}
