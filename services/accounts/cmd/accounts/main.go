// Command accounts runs the accounts service as a process of its own.
package main

import (
	"net/http"
	"os"

	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/logging"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/accounts"
)

func main() {
	cfg, _ := settings.Load[struct {
		settings.Process
		accounts.Config
	}]("accounts", "keeps accounts and tells of their changes")
	fx.New(
		logging.Module(cfg.LogLevel, os.Stderr),
		httpserver.Module(int(cfg.Port), nil),
		accounts.Module(cfg.Config),
		fx.Provide(func(h accounts.Handler) http.Handler { return h }),
	).Run()
}
