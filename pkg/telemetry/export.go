package telemetry

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/settings"
)

// flushWithin bounds the export of the last spans. The stop of the process does
// not wait longer for a collector that does not answer.
const flushWithin = 500 * time.Millisecond

// export starts to export the process's spans by OTLP over HTTP. OpenTelemetry's
// libraries read where to and how from the OTEL_ variables. service names the
// process unless OTEL_SERVICE_NAME does.
func export(ctx context.Context, service string, log *zap.Logger) (stop func(context.Context) error, err error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("export traces: %w", err)
	}
	self, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", service), attribute.String("service.version", settings.Version())),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("export traces: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(self))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are not exported", zap.Error(err)) }))
	untrace := TraceWith(provider)
	return func(ctx context.Context) error {
		untrace()
		ctx, cancel := context.WithTimeout(ctx, flushWithin)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("the last spans are not exported", zap.Error(err))
		}
		return nil
	}, nil
}
