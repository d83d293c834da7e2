package accounts_test

import (
	"reflect"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/bus/bustest"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/accounts"
	"github.com/concha-labs/backend/services/accounts/embedded"
	"github.com/concha-labs/backend/services/accounts/gcp"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/subscriber"
)

func TestModuleIsComplete(t *testing.T) {
	for name, adapters := range map[string]fx.Option{"embedded": embedded.Adapters(), "gcp": gcp.Adapters()} {
		t.Run(name, func(t *testing.T) {
			if err := fx.ValidateApp(
				fx.Provide(zap.NewNop, func(log *zap.Logger) *membus.Bus { return membus.New(nil, t.TempDir(), log) }),
				accounts.Module(accounts.Config{Storage: settings.Storage{DataDir: t.TempDir()}}, adapters),
				background.Module(),
				fx.Invoke(func(accounts.Handler) {}),
			); err != nil {
				t.Error(err)
			}
		})
	}
}

// The default of a setting is a tag, which cannot name a constant.
func TestDefaultTopics(t *testing.T) {
	for field, want := range map[string]string{
		"EventsTopic": events.AccountsTopic,
	} {
		setting, _ := reflect.TypeFor[accounts.Config]().FieldByName(field)
		if got := setting.Tag.Get("envDefault"); got != want {
			t.Errorf("%s is %q by default, want %q", field, got, want)
		}
	}
}

func TestTypesOfSubscriptions(t *testing.T) {
	bustest.Types(t, (accounts.Config{}).Subscriptions(), subscriber.New(nil))
}
