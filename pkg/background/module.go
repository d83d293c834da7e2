// Package background runs a service's loops for as long as its fx app runs.
package background

import (
	"context"
	"errors"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"
)

// stopWithin is how long a loop may take to end. fx skips the stop hooks that
// are left when its own timeout expires, so no loop may use that up.
const stopWithin = 6 * time.Second

// Run has loop run from the app's start to its stop, which ends loop's context
// and waits for it. A loop that ends before that takes the process
// down with exit code 1: better restarted than running without it.
func Run(lc fx.Lifecycle, shutdown fx.Shutdowner, log *zap.Logger, name string, loop func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	lc.Append(fx.Hook{
		OnStart: func(context.Context) error {
			go func() {
				defer close(ended)
				err := loop(ctx)
				if ctx.Err() != nil {
					return
				}
				log.Error("a background loop died", zap.String("loop", name), zap.Error(err))
				_ = shutdown.Shutdown(fx.ExitCode(1)) // fails only if the app is stopping anyway
			}()
			return nil
		},
		OnStop: func(stop context.Context) error {
			cancel()
			stop, done := context.WithTimeout(stop, stopWithin)
			defer done()
			select {
			case <-ended:
				return nil
			case <-stop.Done():
				return errors.New("background loop " + name + " does not end")
			}
		},
	})
}
