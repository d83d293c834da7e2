package main

import (
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/callerjwt"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/provision"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/audios"
	"github.com/concha-labs/backend/services/audios/internal/adapters/spannerstore"
)

type config struct {
	settings.Process
	settings.Memory
	settings.Admin
	audios.Config

	Caller callerjwt.Config
	settings.Traces
}

var commands = []settings.Command{provision.MigrateCommand, provision.ProvisionCommand, custody.AdoptCommand, httpserver.ReadyCommand}

// Validate implements settings.Validator.
func (c config) Validate() []settings.Problem {
	if c.Embedded() {
		return nil
	}
	return c.Caller.Problems()
}

func (c config) run(command string) (exitCode int) {
	if command == httpserver.ReadyCommand.Name {
		return httpserver.RunReady(int(c.Port))
	}
	return provision.Plan{
		Project: c.Project, Database: c.SpannerDatabase, Schema: spannerstore.Schema(), Bucket: c.Bucket,
		Topics: c.topics(),
	}.Run(command)
}

// bus returns the bus of the embedded backend. Other processes cannot subscribe
// to it.
func (c config) bus(log *zap.Logger) *membus.Bus {
	return membus.New(c.topics(), c.DataDir, log)
}

// topics returns the topics of the service, each with the service's
// subscriptions to it.
func (c config) topics() map[string][]string {
	return map[string][]string{c.EventsTopic: {c.Subscription}, c.AccountEventsTopic: {c.AccountEventsSubscription}}
}
