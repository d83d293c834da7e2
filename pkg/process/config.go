// Package process runs a service as a process of its own, on the embedded backend
// or in the cloud, and its commands.
package process

import (
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/callerjwt"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/provision"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

// Settings are the settings of a service, a type that embeds settings.Storage.
type Settings interface {
	StorageSettings() settings.Storage
	Subscriptions() []bus.Subscription
}

// Config holds the settings of a process, and those of its service.
type Config[C Settings] struct {
	settings.Process
	settings.Memory
	settings.Admin
	Service C
	Caller  callerjwt.Config
	settings.Traces
}

var commands = []settings.Command{provision.MigrateCommand, provision.RetireCommand, provision.ProvisionCommand, provision.ShardsCommand, custody.AdoptCommand, httpserver.ReadyCommand}

// Validate implements settings.Validator.
func (c Config[C]) Validate() []settings.Problem {
	if c.Service.StorageSettings().Embedded() {
		return nil
	}
	return c.Caller.Problems()
}

// run runs a command that needs no adapters.
func (c Config[C]) run(command string, schema []spannerdb.Migrations) (exitCode int) {
	if command == httpserver.ReadyCommand.Name {
		return httpserver.RunReady(int(c.Port))
	}
	storage := c.Service.StorageSettings()
	return provision.Plan{
		Project: storage.Project, Database: storage.SpannerDatabase, Schema: schema, Bucket: storage.Bucket,
		PubSubEndpoint: string(storage.PubSubEndpoint), Subscriptions: c.Service.Subscriptions(),
	}.Run(command)
}

// bus returns the bus of the embedded backend. Other processes cannot subscribe
// to it.
func (c Config[C]) bus(log *zap.Logger) *membus.Bus {
	return membus.New(bus.Topics(c.Service.Subscriptions()), c.Service.StorageSettings().DataDir, log)
}
