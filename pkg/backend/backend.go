// Package backend is the part of a service's adapters that does not depend on its
// resources, and the loops that run on it. Its packages embedded and gcp open a
// Backend.
package backend

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/priority"
)

// Backend is the adapters that all services have.
type Backend struct {
	Log interface {
		eventlog.Log
		eventlog.Reader
	}
	Objects interface {
		blob.Store
		blob.Marker
	}
	Custody     custody.Database
	Publisher   bus.Publisher
	Subscribers map[string]bus.Subscriber // by the name of the subscription
	// Checks are the conditions of readiness, by name.
	Checks map[string]func(context.Context) error
	// Upkeep are the tasks that the database needs at intervals, by name.
	Upkeep map[string]func(context.Context) (done int64, err error)
	// Purges delete expired data, by name. It is empty if the database does
	// that itself.
	Purges map[string]func(context.Context) (removed int64, err error)
}

// Loops is the part of a service that its loops need.
type Loops struct {
	Name    string // such as accounts
	Origin  string // under which clients reach the API
	Keeper  *custody.Keeper
	Handler bus.Handler // of the events of all subscriptions
	Log     *zap.Logger
}

const (
	upkeepEvery = time.Hour
	sweepAfter  = 10 * time.Minute // of the start
)

// Run has g run the loops of a service: its relay, its subscribers, the custody
// and the sweep of its objects, and the upkeep of its database.
func (b Backend) Run(g *background.Group, s Loops) {
	g.Go(background.Publishing, "relay of "+s.Name, func(ctx context.Context) error {
		eventlog.NewRelay(eventlog.RelayConfig{Name: s.Name, Origin: s.Origin, Log: b.Log, Publisher: b.Publisher, Logger: s.Log}).Run(ctx)
		return nil
	})
	for name, sub := range b.Subscribers {
		g.Go(background.Receiving, "subscriber "+name, func(ctx context.Context) error { return sub.Receive(ctx, s.Handler) })
	}
	g.Go(background.Publishing, "custody of the objects of "+s.Name, func(ctx context.Context) error {
		s.Keeper.Run(ctx)
		return nil
	})
	g.EveryByClockAfter(sweepAfter, upkeepEvery, "sweep of orphaned objects of "+s.Name, low(s.Keeper.Sweep))
	for name, task := range b.Upkeep {
		g.Every(upkeepEvery, name+" of "+s.Name, low(task))
	}
	for name, purge := range b.Purges {
		g.EveryByClock(upkeepEvery, "purge of "+name+" of "+s.Name, low(purge))
	}
}

// low returns task with a context of low priority: nobody waits for it.
func low(task func(context.Context) (int64, error)) func(context.Context) (int64, error) {
	return func(ctx context.Context) (int64, error) { return task(priority.Low(ctx)) }
}
