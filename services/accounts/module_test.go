package accounts_test

import (
	"reflect"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/eventstest"
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

// The subscriptions have the types that the handler reacts to, by refusing a
// malformed event, and no other.
func TestTypesOfSubscriptions(t *testing.T) {
	types := map[string]bool{}
	for _, s := range (accounts.Config{}).Subscriptions() {
		for _, eventType := range s.Types {
			types[eventType] = true
		}
	}
	handle := subscriber.New(nil)
	for _, e := range eventstest.Events() {
		e.Subject = "x"
		reacts := handle(t.Context(), bus.Message{Attributes: e.Attributes(eventstest.Origin), Data: e.Data}) != nil
		if reacts != types[e.Type] {
			t.Errorf("the handler reacts to %s: %v; a subscription has it: %v", e.Type, reacts, types[e.Type])
		}
	}
}
