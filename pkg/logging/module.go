package logging

import (
	"os"

	"go.uber.org/dig"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Module provides the *zap.Logger of New to the graph, sends fx's own events
// through it (at debug, failures at error) and flushes it as the last thing
// that stops.
func Module(level Level, w *os.File) fx.Option {
	return fx.Options(
		fx.Provide(func(lc fx.Lifecycle) *zap.Logger {
			log := New(level, w)
			lc.Append(fx.StopHook(log.Sync))
			return log
		}),
		fx.WithLogger(func(log *zap.Logger) fxevent.Logger {
			events := &fxevent.ZapLogger{Logger: log.Named("fx")}
			events.UseLogLevel(zapcore.DebugLevel)
			return oncePerFailure{events}
		}),
	)
}

// oncePerFailure tells of a failed start once and by its root cause: not at
// each level of the graph, nor with the graph's own words around it.
type oncePerFailure struct{ fxevent.Logger }

func (o oncePerFailure) LogEvent(event fxevent.Event) {
	switch e := event.(type) {
	case *fxevent.RollingBack:
		return
	case *fxevent.OnStartExecuted:
		if e.Err != nil {
			return
		}
	case *fxevent.Run:
		if e.Err != nil {
			return
		}
	case *fxevent.Invoked:
		if e.Err != nil {
			return
		}
	case *fxevent.Started:
		if e.Err != nil {
			event = &fxevent.Started{Err: dig.RootCause(e.Err)}
		}
	}
	o.Logger.LogEvent(event)
}
