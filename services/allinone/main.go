// Command allinone is the whole system in one process, on SQLite and a folder.
package main

import (
	"os"

	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/allinone/internal/eventcmd"
	"github.com/concha-labs/backend/services/allinone/internal/wipe"
)

func main() {
	cfg, command := settings.Load[Config]("concha", "accounts and audio sessions, all in one process", wipe.Command, eventcmd.Command)
	switch command {
	case wipe.Command.Name:
		os.Exit(wipe.Run(os.Args[2:]))
	case eventcmd.Command.Name:
		os.Exit(eventcmd.Run(os.Args[2:], cfg.Events))
	}
	fx.New(system(cfg, announce)).Run()
}
