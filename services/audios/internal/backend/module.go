// Package backend is what the service needs of where it runs, which the packages
// embedded and gcp provide.
package backend

import (
	"context"

	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

// Adapters are the choices that a backend makes.
type Adapters struct {
	fx.Out
	Store       app.Store
	Creator     app.Creator
	Discards    app.Discards
	Files       app.Files
	Log         eventlog.Log
	Reader      eventlog.Reader
	Purges      Purges
	Publisher   bus.Publisher
	Subscribers Subscribers
	Checks      Checks
}

type (
	// Checks are what has to hold for the service to be ready, by name.
	Checks map[string]func(context.Context) error
	// Purges remove what has been kept for long enough, by its name; none if
	// the database does so by itself.
	Purges map[string]func(context.Context) (removed int64, err error)
	// Subscribers receive the events that the service acts on, by their name.
	Subscribers map[string]bus.Subscriber
)
