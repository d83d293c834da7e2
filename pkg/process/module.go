package process

import (
	"context"
	"io"
	"net/http"
	"os"

	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/logging"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/telemetry"
)

// Service describes a service with the settings C, whose API H serves, to its
// process.
type Service[C Settings, H http.Handler] struct {
	Name          string // such as accounts
	About         string // what it does, for --help
	Embedded, GCP fx.Option
	Schema        []spannerdb.Migrations
	// Module runs the service on Embedded or GCP, and provides H.
	Module func(cfg C, adapters fx.Option) fx.Option
	// Adopt runs custody.AdoptCommand.
	Adopt func(ctx context.Context, cfg C, adapters fx.Option, out io.Writer, options ...fx.Option) error
}

// Run runs the service, or the command in the arguments of the process, with the
// settings in its environment. It returns when the service was stopped. options
// provide what else Module needs.
func Run[C Settings, H http.Handler](s Service[C, H], options ...fx.Option) {
	cfg, command := settings.Load[Config[C]](s.Name, s.About, commands...)
	adapters := s.GCP
	if cfg.Service.StorageSettings().Embedded() {
		adapters = s.Embedded
	}
	switch command {
	case settings.Serve:
	case custody.AdoptCommand.Name:
		os.Exit(custody.AdoptExit(s.Adopt(context.Background(), cfg.Service, adapters, os.Stdout, fx.Provide(cfg.bus))))
	default:
		os.Exit(cfg.run(command, s.Schema))
	}
	fx.New(
		logging.Module(cfg.Logging(s.Name, cfg.TraceProject), os.Stderr),
		telemetry.Module(telemetry.Config{Service: s.Name, Host: cfg.Listen.Host(), Port: int(cfg.AdminPort), Traces: cfg.TracesEnabled()}),
		background.Module(),
		fx.Supply(httpserver.NewBudget(int64(cfg.BodyMemory))),
		httpserver.Module(cfg.Listen.Host(), int(cfg.Port), nil),
		s.Module(cfg.Service, adapters),
		fx.Options(options...),
		fx.Provide(cfg.bus, func(h H) http.Handler { return cfg.Caller.Require(s.Name, h) }),
	).Run()
}
