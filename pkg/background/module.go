package background

import (
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"
)

// Module provides a *Group and runs it. It must be at the top level of fx.New,
// before httpserver.Module. The loops then start before the first request, end
// after the last one, and end before the things they use are closed.
func Module() fx.Option {
	return fx.Options(
		fx.Provide(newGroup),
		fx.Invoke(func(lc fx.Lifecycle, g *Group) {
			lc.Append(fx.Hook{OnStart: g.start, OnStop: g.stop})
		}),
	)
}

func newGroup(shutdown fx.Shutdowner, log *zap.Logger) *Group {
	return &Group{log: log, clock: newClock(time.Now, uptime), die: func() {
		_ = shutdown.Shutdown(fx.ExitCode(1)) // fails only if the app is stopping already
	}}
}
