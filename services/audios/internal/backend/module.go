// Package backend declares the adapters of the service, which the packages
// embedded and gcp provide.
package backend

import (
	"context"

	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

// Adapters are the adapters of a backend.
type Adapters struct {
	fx.Out
	Database    app.Database
	Files       app.Files
	Log         eventlog.Log
	Reader      eventlog.Reader
	Objects     custody.Objects
	Custody     custody.Database
	Purges      Purges
	Upkeep      Upkeep
	Publisher   bus.Publisher
	Subscribers Subscribers
	Checks      Checks
}

type (
	// Checks are the conditions of readiness, by name.
	Checks map[string]func(context.Context) error
	// Upkeep are the tasks that the database needs at intervals, by name.
	Upkeep map[string]func(context.Context) (done int64, err error)
	// Purges delete expired data, by name. It is empty if the database does
	// that itself.
	Purges map[string]func(context.Context) (removed int64, err error)
	// Subscribers receive the events that the service handles, by name.
	Subscribers map[string]bus.Subscriber
)
