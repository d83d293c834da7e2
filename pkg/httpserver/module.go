package httpserver

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"
)

// stopTimeout bounds all stop hooks together. It is less than the 10 seconds
// that Cloud Run gives a process, and more than the sum of the server's
// drainTimeout and the stages of package background.
const stopTimeout = 9500 * time.Millisecond

// options are values that the graph may have for a server.
type options struct {
	fx.In
	Bodies *Budget `optional:"true"`
}

// Module serves the http.Handler of the graph on port of host, which is an IP
// address or "" for all, while the app runs. It must be at the top level of
// fx.New. It starts after, and stops before, everything that the handler uses. If
// serving fails, the process exits with 1. If started is not nil, it is called with
// the server's local URL after the server has begun to accept requests. A *Budget of
// the graph bounds the memory of request bodies instead of DefaultBudget, and sets
// the memory limit and the garbage collector of the process unless GOMEMLIMIT and
// GOGC do. Memory that a burst of requests has left behind is returned to the system
// when the process is quiet.
func Module(host string, port int, started func(url string)) fx.Option {
	return fx.Options(
		fx.StopTimeout(stopTimeout),
		fx.Invoke(func(lc fx.Lifecycle, shutdown fx.Shutdowner, h http.Handler, log *zap.Logger, opt options) {
			s := NewServer(port, h, log)
			if opt.Bodies != nil {
				s.bodies = opt.Bodies
				s.bodies.limitHeap()
			}
			s.host = host
			died := func(err error) {
				log.Error("the server died", zap.Error(err))
				_ = shutdown.Shutdown(fx.ExitCode(1)) // fails only if the app is stopping already
			}
			watching, end := context.WithCancel(context.Background())
			lc.Append(fx.Hook{
				OnStart: func(ctx context.Context) error {
					go new(memory).watch(watching)
					if err := s.Start(ctx, died); err != nil {
						return err
					}
					log.Info("serving", zap.String("addr", s.Addr()))
					if started != nil {
						started("http://" + s.Addr())
					}
					return nil
				},
				OnStop: func(ctx context.Context) error {
					end()
					return s.Stop(ctx)
				},
			})
		}),
	)
}
