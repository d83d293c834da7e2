package accounts_test

import (
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/accounts"
	"github.com/concha-labs/backend/services/accounts/embedded"
	"github.com/concha-labs/backend/services/accounts/gcp"
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
