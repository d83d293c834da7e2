// Command concha works with a running system through its API, and with the files
// of one. Each command has a file of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/concha-labs/backend/pkg/settings"
)

func main() {
	os.Exit(run(newRoot(settings.Environment[config]("concha"))))
}

// newRoot returns the whole command line. A new command is added here.
func newRoot(cfg config) *cobra.Command {
	root := group(&cobra.Command{
		Use: "concha", Short: "Work with a running system through its API, make keys for it, and back up its data.", Version: settings.Version(),
		SilenceErrors: true, SilenceUsage: true,
	})
	root.AddCommand(
		newEvents(cfg),
		newWipe(cfg),
		newDemo(cfg),
		newKeys(),
		newBackup(cfg),
		newRestore(cfg),
	)
	return root
}

// run executes the command line and returns the exit code: 0 on success, 1 if
// the work failed or was interrupted, 2 if the arguments are wrong.
func run(root *cobra.Command) (exitCode int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", cmd.CommandPath(), err)
	if _, failed := errors.AsType[workError](err); failed {
		return 1
	}
	return 2
}

// workError is a failure that the arguments did not cause.
type workError struct{ error }

func (e workError) Unwrap() error { return e.error }

// work makes a RunE of a function. The arguments are checked before, in Args and
// PreRunE, so every error of the function is a failure of the work.
func work(do func(context.Context) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := do(cmd.Context()); err != nil {
			return workError{err}
		}
		return nil
	}
}

// group makes cmd a command that has only subcommands: calling it without one
// is an error.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var names []string
		for _, sub := range cmd.Commands() {
			if name := sub.Name(); name != "help" && name != "completion" {
				names = append(names, name)
			}
		}
		mistake := "name a command"
		if len(args) > 0 {
			mistake = fmt.Sprintf("unknown command %q", args[0])
		}
		return fmt.Errorf("%s: one of %s (see %s --help)", mistake, strings.Join(names, ", "), cmd.CommandPath())
	}
	return cmd
}
