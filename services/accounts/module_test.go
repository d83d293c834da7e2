package accounts_test

import (
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/services/accounts"
)

func TestModuleIsComplete(t *testing.T) {
	for _, backend := range []string{"embedded", "gcp"} {
		t.Run(backend, func(t *testing.T) {
			if err := fx.ValidateApp(
				fx.Provide(zap.NewNop, func(log *zap.Logger) *membus.Bus { return membus.New(nil, log) }),
				accounts.Module(accounts.Config{Backend: backend, DataDir: t.TempDir()}),
				background.Module(),
				fx.Invoke(func(accounts.Handler) {}),
			); err != nil {
				t.Error(err)
			}
		})
	}
}
