package httpserver

import (
	"fmt"
	"math"
	"net/http"
	"runtime/debug"
	"strings"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"
)

func TestModuleServesTheHandlerOfTheGraph(t *testing.T) {
	url := ""
	var stopped []string
	app := fxtest.New(
		t,
		fx.NopLogger,
		fx.Provide(zap.NewNop),
		fx.Provide(func(lc fx.Lifecycle) http.Handler {
			lc.Append(fx.StopHook(func() { stopped = append(stopped, "database") }))
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
		}),
		Module("127.0.0.1", 0, func(u string) { url = u }),
	)
	if got := app.StopTimeout(); got != stopTimeout {
		t.Errorf("StopTimeout = %v", got)
	}
	app.RequireStart()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusTeapot {
		t.Errorf("status %d", res.StatusCode)
	}
	app.RequireStop()
	if _, err := http.Get(url); err == nil { //nolint:bodyclose // there is no answer
		t.Error("still served")
	}
	if len(stopped) != 1 {
		t.Errorf("stopped %v", stopped)
	}
}

func TestModuleFailsToStartOnATakenPort(t *testing.T) {
	s := start(t, func(http.ResponseWriter, *http.Request) {})
	var port int
	if _, err := fmt.Sscanf(s.Addr(), "localhost:%d", &port); err != nil {
		t.Fatal(err)
	}
	app := fx.New(fx.NopLogger, fx.Supply(fx.Annotate(http.NotFoundHandler(), fx.As(new(http.Handler)))), fx.Provide(zap.NewNop), Module("", port, nil))
	if err := app.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "is taken") {
		t.Errorf("err = %v", err)
	}
}

func TestModuleLimitsTheMemoryOfTheProcess(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	for _, c := range []struct{ set, want int64 }{{math.MaxInt64, DefaultBudget + otherMemory}, {1 << 40, 1 << 40}} {
		debug.SetMemoryLimit(c.set)
		fxtest.New(
			t, fx.NopLogger, fx.Provide(zap.NewNop), fx.Supply(NewBudget(DefaultBudget)),
			fx.Supply(fx.Annotate(http.NotFoundHandler(), fx.As(new(http.Handler)))), Module("127.0.0.1", 0, nil),
		).RequireStart().RequireStop()
		if limit := debug.SetMemoryLimit(-1); limit != c.want {
			t.Errorf("a limit of %d becomes %d, want %d", c.set, limit, c.want)
		}
	}
}
