package main

import (
	"context"
	"io"
	"net/http"
	"os"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/logging"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/pkg/telemetry"
	"github.com/concha-labs/backend/services/accounts"
	accountsembedded "github.com/concha-labs/backend/services/accounts/embedded"
	"github.com/concha-labs/backend/services/audios"
	audiosembedded "github.com/concha-labs/backend/services/audios/embedded"
	"github.com/concha-labs/backend/services/gateway"
)

const (
	accountsSelf        = "accounts-self"
	audiosSelf          = "audios-self"
	audiosAccountEvents = "audios-account-events"
)

// system is the whole system: the services, and a gateway that calls them in
// process. started is called with the URL when the server accepts requests.
func system(cfg Config, started func(url string)) fx.Option {
	return fx.Options(
		logging.Module(cfg.Logging("allinone", cfg.TraceProject), os.Stderr),
		telemetry.Module(telemetry.Config{Service: "allinone", Host: cfg.listen().Host(), Port: int(cfg.AdminPort), DataDir: cfg.DataDir, Traces: cfg.TracesEnabled()}),
		background.Module(),
		fx.Supply(httpserver.NewBudget(int64(cfg.BodyMemory))),
		httpserver.Module(cfg.listen().Host(), int(cfg.Port), started),
		fx.Provide(
			cfg.bus,
			func(accounts accounts.Handler, audios audios.Handler) gateway.Upstreams {
				return gateway.Upstreams{Accounts: accounts, Audios: audios}
			},
			func(h gateway.Handler) http.Handler { return h },
			func(h accounts.Handler) audios.AccountsTransport { return httpserver.InProcess{Handler: h} },
		),
		fx.Module("named accounts", logging.In("accounts"), accounts.Module(cfg.accounts(), accountsembedded.Adapters())),
		fx.Module("named audios", logging.In("audios"), audios.Module(cfg.audios(), audiosembedded.Adapters())),
		gateway.Module(cfg.gateway()),
		fx.Invoke(cfg.warn),
	)
}

// adopt has both databases adopt their object stores. No process may serve on
// them meanwhile.
func adopt(ctx context.Context, cfg Config, out io.Writer) []error {
	bus := fx.Provide(cfg.bus)
	return []error{
		accounts.Adopt(ctx, cfg.accounts(), accountsembedded.Adapters(), out, bus),
		audios.Adopt(ctx, cfg.audios(), audiosembedded.Adapters(), out, bus),
	}
}

func (c Config) bus(log *zap.Logger) *membus.Bus {
	return membus.New(map[string][]string{
		events.AccountsTopic: {accountsSelf, audiosAccountEvents},
		events.AudiosTopic:   {audiosSelf},
	}, c.DataDir, log)
}

func (c Config) accounts() accounts.Config {
	return accounts.Config{
		Storage: settings.Storage{DataDir: c.DataDir}, PublicURL: c.origin(), EventsTopic: events.AccountsTopic, Subscription: accountsSelf,
		RequireIfMatch: c.RequireIfMatch,
	}
}

func (c Config) audios() audios.Config {
	return audios.Config{
		Storage: settings.Storage{DataDir: c.DataDir}, PublicURL: c.origin(), EventsTopic: events.AudiosTopic, Subscription: audiosSelf,
		AccountEventsTopic: events.AccountsTopic, AccountEventsSubscription: audiosAccountEvents,
		Accounts:       audios.AccountsAPI{URL: "http://accounts"}, // reached in process
		RequireIfMatch: c.RequireIfMatch,
	}
}
