package custody

import (
	"fmt"
	"os"

	"github.com/concha-labs/backend/pkg/settings"
)

// AdoptCommand has a service's database adopt the object store.
var AdoptCommand = settings.Command{
	Name: "adopt", About: "go on with a database and an object store that do not belong together, such as after a restore; nothing is deleted",
}

// AdoptExit writes the errors of AdoptCommand to stderr and returns its exit
// code.
func AdoptExit(errs ...error) (exitCode int) {
	for _, err := range errs {
		if err != nil {
			_, _ = fmt.Fprintf(os.Stderr, "%s: %v\n", AdoptCommand.Name, err)
			exitCode = 1
		}
	}
	return exitCode
}
