// Package e2e tests the built programs through their public faces: all in one
// process, and (with the build tag cloud) the three services on emulators.
package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/accounts"
	accountsembedded "github.com/concha-labs/backend/services/accounts/embedded"
	"github.com/concha-labs/backend/services/audios"
	audiosembedded "github.com/concha-labs/backend/services/audios/embedded"
	"github.com/concha-labs/backend/services/gateway"
)

// scratch is a folder that the tests share.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "e2e"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	return m.Run()
}

// build builds allinone and concha once, in scratch: with the race detector if
// the tests have it.
var build = sync.OnceValue(func() error {
	args := append([]string{"build", "-o", scratch + "/"}, raceFlags...)
	args = append(args, services+"allinone", "github.com/concha-labs/backend/cmd/concha")
	out, err := exec.CommandContext(context.Background(), "go", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
})

// startSystem runs the whole system on a free port and a folder of its own,
// until the test ends. It has to stop without an error then.
func startSystem(t testing.TB, env ...string) (url, dir string) {
	t.Helper()
	dir = t.TempDir()
	p := startProgram(t, dir, append([]string{"CONCHA_LOG_LEVEL=error"}, env...)...)
	t.Cleanup(func() {
		_ = p.process.Signal(syscall.SIGTERM) // or it has exited, which is an error below
		if code := p.wait(t); code != 0 {     // after a data race, too
			t.Errorf("exit code %d, %v: %s", code, p.err, p.stderr)
		}
	})
	return p.url, dir
}

// newHandler wires the services and the gateway in this process, where a fuzz
// target's code is instrumented, and returns the handler of the public API.
func newHandler(t testing.TB) http.Handler {
	t.Helper()
	storage := settings.Storage{DataDir: t.TempDir()}
	var h gateway.Handler
	app := fx.New(
		fx.NopLogger,
		fx.Supply(zap.NewNop()),
		background.Module(),
		fx.Provide(
			func(log *zap.Logger) *membus.Bus {
				return membus.New(map[string][]string{"accounts": {"self", "audios"}, "audios": {"self"}}, storage.DataDir, log)
			},
			func(a accounts.Handler, s audios.Handler) gateway.Upstreams {
				return gateway.Upstreams{Accounts: a, Audios: s}
			},
			func(a accounts.Handler) audios.AccountsTransport { return httpserver.InProcess{Handler: a} },
		),
		accounts.Module(accounts.Config{
			Storage: storage, EventsTopic: "accounts", Subscription: "self",
		}, accountsembedded.Adapters()),
		audios.Module(audios.Config{
			Storage: storage, EventsTopic: "audios", Subscription: "self",
			AccountEventsTopic: "accounts", AccountEventsSubscription: "audios",
		}, audiosembedded.Adapters()),
		gateway.Module(gateway.Config{Console: true}),
		fx.Populate(&h),
	)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return httpserver.Process(h, zap.NewNop())
}

// accountsAlone runs the accounts service on a folder, without a subscription of
// audios, until stop is called. The bus has a subscription "test" instead, which
// has to be received.
func accountsAlone(t testing.TB, dir string) (h http.Handler, b *membus.Bus, stop func()) {
	t.Helper()
	b = membus.New(map[string][]string{events.AccountsTopic: {"self", "test"}}, dir, zap.NewNop())
	var handler accounts.Handler
	app := fx.New(
		fx.NopLogger,
		fx.Supply(zap.NewNop(), b),
		background.Module(),
		accounts.Module(accounts.Config{Storage: settings.Storage{DataDir: dir}, EventsTopic: events.AccountsTopic, Subscription: "self"}, accountsembedded.Adapters()),
		fx.Populate(&handler),
	)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return handler, b, func() {
		if err := app.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}
