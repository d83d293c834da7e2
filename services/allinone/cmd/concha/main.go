// Command concha does with a running system what takes a client more than a
// request: it follows, replays and copies its events.
package main

import (
	"fmt"
	"os"

	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/allinone/internal/eventcmd"
)

const usage = `concha: what takes a client of a running system more than a request

Usage: concha events tail|replay|snapshot accounts|audios [flags]
       concha --version

"concha events --help" tells more.
`

func main() {
	switch args := os.Args[1:]; {
	case len(args) == 0:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	case args[0] == "events":
		os.Exit(eventcmd.Run(args[1:], eventcmd.Environment()))
	case args[0] == "--version":
		fmt.Println("concha", settings.Version())
	case args[0] == "help", args[0] == "-h", args[0] == "--help":
		fmt.Print(usage)
	default:
		fmt.Fprintf(os.Stderr, "concha: unknown argument %q; run \"concha --help\" for what there is\n", args[0])
		os.Exit(2)
	}
}
