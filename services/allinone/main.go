// Command allinone runs the whole system in one process, on SQLite and a folder.
package main

import (
	"go.uber.org/fx"

	"github.com/concha-labs/backend/pkg/settings"
)

func main() {
	cfg, _ := settings.Load[Config]("allinone", "accounts and audio sessions, all in one process")
	fx.New(system(cfg, announce)).Run()
}
