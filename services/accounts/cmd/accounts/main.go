// Command accounts runs the accounts service as a process of its own.
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
	"github.com/concha-labs/backend/services/accounts"
	"github.com/concha-labs/backend/services/accounts/embedded"
	"github.com/concha-labs/backend/services/accounts/gcp"
)

func main() {
	cfg, command := settings.Load[config]("accounts", "keeps accounts and tells of their changes", commands...)
	adapters := gcp.Adapters()
	if cfg.Embedded() {
		adapters = embedded.Adapters()
	}
	switch command {
	case settings.Serve:
	case custody.AdoptCommand.Name:
		os.Exit(custody.AdoptExit(accounts.Adopt(context.Background(), cfg.Config, adapters, os.Stdout, fx.Provide(cfg.bus))))
	default:
		os.Exit(cfg.run(command))
	}
	fx.New(
		logging.Module(cfg.Logging("accounts", cfg.TraceProject), os.Stderr),
		telemetry.Module(telemetry.Config{Service: "accounts", Host: cfg.Listen.Host(), Port: int(cfg.AdminPort), Traces: cfg.TracesEnabled()}),
		background.Module(),
		fx.Supply(httpserver.NewBudget(int64(cfg.BodyMemory))),
		httpserver.Module(cfg.Listen.Host(), int(cfg.Port), nil),
		accounts.Module(cfg.Config, adapters),
		fx.Provide(cfg.bus, func(h accounts.Handler) http.Handler { return cfg.Caller.Require("accounts", h) }),
	).Run()
}
