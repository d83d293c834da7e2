// Package gateway is the public origin of the system. It passes /v1 to the
// services, serves the classic API as a view of it, documents both, and has a
// console.
package gateway

import (
	"bytes"
	"context"
	_ "embed"
	"net/http"

	"github.com/gin-gonic/gin"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/gateway/internal/access"
	"github.com/concha-labs/backend/services/gateway/internal/classic"
	"github.com/concha-labs/backend/services/gateway/internal/console"
	"github.com/concha-labs/backend/services/gateway/internal/docs"
	"github.com/concha-labs/backend/services/gateway/internal/edge"
	"github.com/concha-labs/backend/services/gateway/internal/home"
)

var (
	//go:embed openapi.yaml
	contract []byte
	//go:embed asyncapi.yaml
	eventContract []byte
)

// Upstreams are the services behind the gateway: reverse proxies, or their
// handlers in the same process.
type Upstreams struct {
	Accounts, Audios http.Handler
}

// Handler serves the public API. Wrap it in httpserver.Process.
type Handler http.Handler

// Module provides Handler to the graph and needs Upstreams from it.
func Module(cfg Config) fx.Option {
	return fx.Module("gateway",
		fx.Supply(fx.Private, cfg),
		fx.Provide(fx.Private, newGuard, newEngine),
		fx.Provide(func(e *gin.Engine) (Handler, error) { return edge.Compress(e) }),
	)
}

// newGuard returns a guard that runs as long as the app.
func newGuard(cfg Config, lc fx.Lifecycle, log *zap.Logger) (*access.Guard, error) {
	guard, err := access.New(cfg.Access, cfg.PublicURL, cfg.TrustedProxies.ClientAddress, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	lc.Append(fx.StartStopHook(
		func() {
			go func() {
				defer close(ended)
				guard.Run(ctx)
			}()
		},
		func() {
			cancel()
			<-ended
		},
	))
	return guard, nil
}

func newEngine(cfg Config, up Upstreams, guard *access.Guard) *gin.Engine {
	e := edge.New(edge.Config{
		PublicURL: cfg.PublicURL, Accounts: up.Accounts, Audios: up.Audios, Trusted: cfg.TrustedProxies, Middleware: guard.Handlers(),
	})
	classic.Register(e, cfg.ClassicImageField, up.Accounts, up.Audios)
	docs.Register(e, bytes.ReplaceAll(contract, []byte(classic.ImageHostedURL), []byte(cfg.ClassicImageField.Name())), eventContract)
	home.Register(e, settings.Version(), cfg.Console)
	if cfg.Console {
		console.Register(e)
	}
	return e
}
