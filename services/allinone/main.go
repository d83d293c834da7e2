// Command allinone is the whole system in one process, on SQLite and a folder.
package main

import (
	"os"

	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/allinone/internal/wipe"
)

func main() {
	cfg, command := settings.Load[Config]("allinone", "accounts and audio sessions, all in one process", wipe.Command)
	if command == wipe.Command.Name {
		os.Exit(wipe.Run(os.Args[2:]))
	}
	fx.New(system(cfg, announce)).Run()
}
