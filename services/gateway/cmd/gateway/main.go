// Command gateway is the public origin of the accounts and audios services.
package main

import (
	"net/http"
	"os"

	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/logging"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/pkg/telemetry"
	"github.com/concha-labs/backend/services/gateway"
)

func main() {
	cfg, command := settings.Load[config]("gateway", "the public origin of the accounts and audios services", httpserver.ReadyCommand)
	if command == httpserver.ReadyCommand.Name {
		os.Exit(httpserver.RunReady(int(cfg.Port)))
	}
	httpserver.CollectLess(400)
	fx.New(
		logging.Module(cfg.Logging("gateway", cfg.TraceProject), os.Stderr),
		telemetry.Module(telemetry.Config{Service: "gateway", Host: cfg.Listen.Host(), Port: int(cfg.AdminPort), Traces: cfg.TracesEnabled()}),
		httpserver.Module(cfg.Listen.Host(), int(cfg.Port), nil),
		gateway.Module(cfg.gateway()),
		fx.Provide(cfg.upstreams, func(h gateway.Handler) http.Handler { return h }),
		fx.Invoke(cfg.warn),
	).Run()
}
