package telemetrytest

import (
	"sync"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/concha-labs/backend/pkg/telemetry"
)

// exporter keeps the spans of the test binary.
var exporter = sync.OnceValue(func() *tracetest.InMemoryExporter {
	e := tracetest.NewInMemoryExporter()
	telemetry.TraceWith(trace.NewTracerProvider(trace.WithSyncer(e)))
	return e
})

// Spans turns tracing on for the rest of the test binary, and returns a function
// that returns the spans that have ended since. Tests that use it must not run
// in parallel.
func Spans(t testing.TB) func() tracetest.SpanStubs {
	t.Helper()
	e := exporter()
	e.Reset()
	return e.GetSpans
}
