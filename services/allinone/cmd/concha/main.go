// Command concha does with a running system what takes a client more than a
// request: it follows, replays and copies its events.
package main

import (
	"os"

	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/allinone/internal/eventcmd"
)

func main() {
	cfg, _ := settings.LoadTool[eventcmd.Config]("concha", "what takes a client of a running system more than a request", eventcmd.Command)
	os.Exit(eventcmd.Run(os.Args[2:], cfg))
}
