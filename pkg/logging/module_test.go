package logging_test

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/concha-labs/backend/pkg/logging"
)

func TestModuleProvidesTheLoggerAndFlushesItLast(t *testing.T) {
	f := logFile(t)
	app := fx.New(
		logging.Module(logging.Config{Level: logging.Level(zapcore.DebugLevel)}, f),
		fx.Invoke(func(lc fx.Lifecycle, log *zap.Logger) {
			lc.Append(fx.StopHook(func() { log.Info("the component stops") }))
		}),
	)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := read(t, f)
	if !strings.Contains(text, "the component stops") {
		t.Errorf("log %s", text)
	}
	if strings.Contains(text, `"severity":"DEBUG"`) {
		t.Errorf("fx's own events are there at debug: %s", text)
	}
}

func TestModuleTellsOfAStop(t *testing.T) {
	f := logFile(t)
	fx.New(
		logging.Module(logging.Config{Level: logging.Level(zapcore.InfoLevel)}, f),
		fx.Invoke(func(lc fx.Lifecycle, shutdown fx.Shutdowner) {
			lc.Append(fx.StartHook(func() error { return shutdown.Shutdown() }))
		}),
	).Run()
	lines := strings.Split(read(t, f), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], `"message":"stopping","signal":"terminated"`) || !strings.Contains(lines[1], `"message":"stopped"`) {
		t.Errorf("log %q", lines)
	}
}

func TestModuleTellsOfAFailureToStartOnce(t *testing.T) {
	taken := errors.New("port 8080 is taken")
	for name, failing := range map[string]fx.Option{
		"of a hook": fx.Invoke(func(lc fx.Lifecycle) {
			lc.Append(fx.StartHook(func() error { return taken }))
		}),
		"of a constructor": fx.Options(
			fx.Provide(func() (*int, error) { return nil, taken }),
			fx.Invoke(func(*int) {}),
		),
	} {
		t.Run(name, func(t *testing.T) {
			f := logFile(t)
			app := fx.New(logging.Module(logging.Config{Level: logging.Level(zapcore.InfoLevel)}, f), failing)
			if err := app.Start(t.Context()); err == nil {
				t.Fatal("started")
			}
			text := read(t, f)
			if strings.Count(text, "\n") != 1 || !strings.Contains(text, `"severity":"ERROR"`) || !strings.Contains(text, `"error":"port 8080 is taken"`) {
				t.Errorf("log %s", text)
			}
		})
	}
}

func TestInNamesTheLinesOfAModule(t *testing.T) {
	f := logFile(t)
	app := fx.New(
		logging.Module(logging.Config{Service: "all"}, f),
		fx.Module("m", logging.In("accounts"), fx.Invoke(func(log *zap.Logger) { log.Warn("in the module") })),
		fx.Invoke(func(log *zap.Logger) { log.Warn("outside") }),
	)
	if err := app.Err(); err != nil {
		t.Fatal(err)
	}
	text := read(t, f)
	for _, want := range []string{`"service":"all.accounts","message":"in the module"`, `"service":"all","message":"outside"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing from %s", want, text)
		}
	}
}
