// Command audios runs the audios service as a process of its own.
package main

import (
	"context"
	"net/http"
	"os"

	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/logging"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/pkg/telemetry"
	"github.com/concha-labs/backend/services/audios"
	"github.com/concha-labs/backend/services/audios/embedded"
	"github.com/concha-labs/backend/services/audios/gcp"
)

func main() {
	cfg, command := settings.Load[config]("audios", "keeps audio sessions and tells of their changes", commands...)
	adapters := gcp.Adapters()
	if cfg.Embedded() {
		adapters = embedded.Adapters()
	}
	switch command {
	case settings.Serve:
	case custody.AdoptCommand.Name:
		os.Exit(custody.AdoptExit(audios.Adopt(context.Background(), cfg.Config, adapters, os.Stdout, fx.Provide(cfg.bus))))
	default:
		os.Exit(cfg.run(command))
	}
	fx.New(
		logging.Module(cfg.Logging("audios", cfg.TraceProject), os.Stderr),
		telemetry.Module(telemetry.Config{Service: "audios", Host: cfg.Listen.Host(), Port: int(cfg.AdminPort), Traces: cfg.TracesEnabled()}),
		background.Module(),
		fx.Supply(httpserver.NewBudget(int64(cfg.BodyMemory))),
		httpserver.Module(cfg.Listen.Host(), int(cfg.Port), nil),
		audios.Module(cfg.Config, adapters),
		fx.Supply(fx.Annotate(http.DefaultTransport, fx.As(new(audios.AccountsTransport)))),
		fx.Provide(cfg.bus, func(h audios.Handler) http.Handler { return cfg.Caller.Require("audios", h) }),
	).Run()
}
