package logging

import (
	"os"

	"go.uber.org/dig"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Module provides the *zap.Logger of New to the graph and flushes it as the last
// thing that stops. Of fx's own events it logs that the process stops and has
// stopped, and failures. It belongs at the top level of fx.New; In names the
// lines of a module in it.
func Module(cfg Config, w *os.File) fx.Option {
	return fx.Options(
		fx.Provide(func(lc fx.Lifecycle) *zap.Logger {
			log := New(cfg, w)
			lc.Append(fx.StopHook(log.Sync))
			return log
		}),
		fx.WithLogger(func(log *zap.Logger) fxevent.Logger {
			failures := log.WithOptions(zap.IncreaseLevel(zapcore.ErrorLevel))
			return brief{&fxevent.ZapLogger{Logger: failures}, log}
		}),
	)
}

// In names the lines of one fx.Module by its service.
func In(service string) fx.Option {
	return fx.Decorate(func(log *zap.Logger) *zap.Logger { return log.Named(service) })
}

// brief logs a stop, and a failed start once and by its root cause: not at each
// level of the graph, nor with the graph's own words around it.
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
