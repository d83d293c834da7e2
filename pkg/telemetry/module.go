package telemetry

import (
	"net/http"

	"go.opentelemetry.io/otel"
	"go.uber.org/fx"
)

// Module sets the global meter provider and serves its metrics from the
// process's http.Handler. It must be at the top level of fx.New.
func Module() fx.Option {
	return fx.Decorate(func(h http.Handler, lc fx.Lifecycle) (http.Handler, error) {
		provider, metrics, err := New()
		if err != nil {
			return nil, err
		}
		otel.SetMeterProvider(provider)
		lc.Append(fx.StopHook(provider.Shutdown))
		return Mount(h, metrics), nil
	})
}
