// Command allinone runs the whole system in one process, on SQLite and a folder.
package main

import (
	"context"
	"os"

	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/custody"
	"github.com/concha-labs/backend/pkg/settings"
)

func main() {
	cfg, command := settings.Load[Config]("allinone", "accounts and audio sessions, all in one process", custody.AdoptCommand)
	if command == custody.AdoptCommand.Name {
		os.Exit(custody.AdoptExit(adopt(context.Background(), cfg, os.Stdout)...))
	}
	fx.New(system(cfg, cfg.announce)).Run()
}
