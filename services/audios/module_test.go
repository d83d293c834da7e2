package audios_test

import (
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/bus/bustest"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/audios"
	"github.com/concha-labs/backend/services/audios/embedded"
	"github.com/concha-labs/backend/services/audios/gcp"
	"github.com/concha-labs/backend/services/audios/internal/adapters/subscriber"
)

func module(dir string, adapters fx.Option) fx.Option {
	return fx.Options(
		fx.Provide(zap.NewNop, func(log *zap.Logger) *membus.Bus { return membus.New(nil, dir, log) }),
		audios.Module(audios.Config{Storage: settings.Storage{DataDir: dir}}, adapters),
		background.Module(),
		fx.Supply(fx.Annotate(http.DefaultTransport, fx.As(new(audios.AccountsTransport)))),
		fx.Invoke(func(audios.Handler) {}),
	)
}

func TestModuleIsComplete(t *testing.T) {
	for name, adapters := range map[string]fx.Option{"embedded": embedded.Adapters(), "gcp": gcp.Adapters()} {
		t.Run(name, func(t *testing.T) {
			if err := fx.ValidateApp(module(t.TempDir(), adapters)); err != nil {
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
	if err := fx.New(fx.NopLogger, module(file, embedded.Adapters())).Err(); err == nil {
		t.Error("the service starts with a file as its folder")
	}
}

// The default of a setting is a tag, which cannot name a constant.
func TestDefaultTopics(t *testing.T) {
	for field, want := range map[string]string{
		"EventsTopic":        events.AudiosTopic,
		"AccountEventsTopic": events.AccountsTopic,
	} {
		setting, _ := reflect.TypeFor[audios.Config]().FieldByName(field)
		if got := setting.Tag.Get("envDefault"); got != want {
			t.Errorf("%s is %q by default, want %q", field, got, want)
		}
	}
}

func TestTypesOfSubscriptions(t *testing.T) {
	bustest.Types(t, (audios.Config{}).Subscriptions(), subscriber.New(nil))
}
