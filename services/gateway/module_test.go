package gateway

import (
	"net/http"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"
)

func TestModuleWires(t *testing.T) {
	err := fx.ValidateApp(
		fx.NopLogger,
		fx.Supply(Upstreams{Accounts: http.NotFoundHandler(), Audios: http.NotFoundHandler()}),
		fx.Provide(zap.NewNop),
		Module(Config{}),
		fx.Invoke(func(Handler) {}),
	)
	if err != nil {
		t.Error(err)
	}
}
