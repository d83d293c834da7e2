package background

import (
	"go.uber.org/fx"
	"go.uber.org/zap"
)

// Module provides a *Group and runs it. It belongs at the top level of fx.New,
// before httpserver.Module: the loops then run before the first request comes
// and after the last, and stop before anything that they use.
func Module() fx.Option {
	return fx.Options(
		fx.Provide(newGroup),
		fx.Invoke(func(lc fx.Lifecycle, g *Group) {
			lc.Append(fx.Hook{OnStart: g.start, OnStop: g.stop})
		}),
	)
}

func newGroup(shutdown fx.Shutdowner, log *zap.Logger) *Group {
	return &Group{log: log, die: func() {
		_ = shutdown.Shutdown(fx.ExitCode(1)) // fails only if the app is stopping anyway
	}}
}
