package audios_test

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/bustest"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/audios"
	"github.com/concha-labs/backend/services/audios/embedded"
	"github.com/concha-labs/backend/services/audios/gcp"
)

// client talks to a service on the embedded backend, over HTTP and a bus that
// it has a subscription to as well.
type client struct {
	t         *testing.T
	dir       string
	url       string
	bus       *membus.Bus
	published chan bus.Message // by the service
}

func config(dir string) audios.Config {
	return audios.Config{
		Storage: settings.Storage{DataDir: dir}, EventsTopic: "audio-events", Subscription: "self",
		AccountEventsTopic: "account-events", AccountEventsSubscription: "audios",
	}
}

func module(dir string) fx.Option {
	return fx.Options(
		fx.Provide(zap.NewNop, func(log *zap.Logger) *membus.Bus {
			return membus.New(map[string][]string{"audio-events": {"self", "test"}, "account-events": {"audios"}}, dir, log)
		}),
		audios.Module(config(dir), embedded.Adapters()),
		background.Module(),
	)
}

func start(t *testing.T) *client {
	t.Helper()
	c := &client{t: t, dir: t.TempDir(), published: make(chan bus.Message, 100)}
	var handler audios.Handler
	app := fxtest.New(t, fx.NopLogger, module(c.dir), fx.Populate(&handler, &c.bus)).RequireStart()
	t.Cleanup(func() { app.RequireStop() })
	go func() {
		_ = c.bus.Subscriber("audio-events", "test").Receive(t.Context(), func(_ context.Context, msg bus.Message) error {
			c.published <- msg
			return nil
		})
	}()
	server := httptest.NewServer(httpserver.Process(handler, zap.NewNop()))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// publish returns once the service has settled an event of accounts. It gets
// it twice, as every event may come.
func (c *client) publish(e events.Event) {
	c.t.Helper()
	msg := bus.Message{OrderingKey: e.Subject, Attributes: e.Attributes(bustest.Origin), Data: e.Data}
	if err := c.bus.Publisher("account-events").Publish(c.t.Context(), []bus.Message{msg, msg}); err != nil {
		c.t.Fatal(err)
	}
}

func TestModuleIsComplete(t *testing.T) {
	for name, adapters := range map[string]fx.Option{"embedded": embedded.Adapters(), "gcp": gcp.Adapters()} {
		t.Run(name, func(t *testing.T) {
			if err := fx.ValidateApp(
				fx.Provide(zap.NewNop, func(log *zap.Logger) *membus.Bus { return membus.New(nil, t.TempDir(), log) }),
				audios.Module(config(t.TempDir()), adapters),
				background.Module(),
				fx.Invoke(func(audios.Handler) {}),
			); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestModuleFailsWithoutItsFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := fx.New(fx.NopLogger, module(file)).Err(); err == nil {
		t.Error("the service starts with a file as its folder")
	}
}
