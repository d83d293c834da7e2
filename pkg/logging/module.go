package logging

import (
	"os"

	"go.uber.org/dig"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Module provides the logger of New and flushes it as the last thing that
// stops. fx's own events are logged through it: failures at level error, the
// beginning and the end of a shutdown at info, all others at debug.
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

// brief logs a shutdown, and a failed start once and by its root cause instead
// of once per level of the graph in fx's own words.
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
			_ = b.log.Sync() // the logger's stop hook ran earlier; unsynced never fails
			return
		}
	}
	b.Logger.LogEvent(event)
}
