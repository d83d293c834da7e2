package telemetrytest

import (
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/concha-labs/backend/pkg/telemetry"
)

// Spans turns tracing on until the test ends, and returns a function that
// returns the spans that have ended. Tests that use it must not run in parallel.
func Spans(t testing.TB) func() tracetest.SpanStubs {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	t.Cleanup(telemetry.TraceWith(trace.NewTracerProvider(trace.WithSyncer(exporter))))
	return exporter.GetSpans
}
