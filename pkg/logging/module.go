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
// through it (at debug, failures at error, that the process stops and has
// stopped at info) and flushes it as the last thing that stops.
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
			return brief{events, log}
		}),
	)
}

// brief tells of a stop, and of a failed start once and by its root cause: not
// at each level of the graph, nor with the graph's own words around it.
type brief struct {
	fxevent.Logger
	log *zap.Logger
}

func (b brief) LogEvent(event fxevent.Event) {
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
	case *fxevent.Stopping:
		b.log.Info("stopping", zap.Stringer("signal", e.Signal))
		return
	case *fxevent.Stopped:
		if e.Err == nil {
			b.log.Info("stopped")
			_ = b.log.Sync() // the logger's own stop was before; unsynced never fails
			return
		}
	}
	b.Logger.LogEvent(event)
}
