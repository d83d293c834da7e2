package telemetry

import (
	"context"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// tracing is set while the process exports traces.
var tracing atomic.Bool

// Tracing reports whether the process exports traces. Code that prepares a span
// asks first.
func Tracing() bool { return tracing.Load() }

// TraceWith starts the spans of the process with a provider until stop is
// called. The cloud's client libraries, which start spans of their own, use it
// too.
func TraceWith(provider trace.TracerProvider) (stop func()) {
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(w3c)
	tracing.Store(true)
	return func() { tracing.Store(false) }
}

// noSpan is the span of a process that exports no traces.
var noSpan = trace.SpanFromContext(context.Background())

// Start starts a span of the part of the program that scope names, such as a
// service. The caller ends it. Without tracing it costs a few nanoseconds.
func Start(ctx context.Context, scope, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if !Tracing() {
		return ctx, noSpan
	}
	return otel.Tracer("github.com/concha-labs/backend/"+scope).Start(ctx, name, options...) //nolint:spancheck // the caller ends it
}

// End ends a span, as failed if err is not nil.
func End(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// w3c carries span contexts in the header Traceparent, and in nothing else:
// baggage from outside the system is not passed on.
var w3c propagation.TraceContext

// WithRemote returns ctx with the span context that a W3C traceparent
// describes as the parent of spans that are started in it. An invalid
// traceparent changes nothing.
func WithRemote(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	return w3c.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
}

// LinkTo returns a link to the span that a W3C traceparent describes. It is
// not ok if the traceparent is invalid.
func LinkTo(traceparent string) (link trace.Link, ok bool) {
	remote := trace.SpanContextFromContext(WithRemote(context.Background(), traceparent))
	return trace.Link{SpanContext: remote}, remote.IsValid()
}

// Traceparent returns the W3C traceparent of the span of ctx, or "" if there is
// none.
func Traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// Observe adds a value to a histogram. If the process exports traces, and a W3C
// traceparent is of a sampled one, the value has the id of the trace as its
// exemplar.
func Observe(histogram prometheus.Observer, value float64, traceparent string) {
	if Tracing() && len(traceparent) == 55 && (traceparent[54]-'0')&1 == 1 {
		if h, ok := histogram.(prometheus.ExemplarObserver); ok {
			h.ObserveWithExemplar(value, prometheus.Labels{"trace_id": traceparent[3:35]})
			return
		}
	}
	histogram.Observe(value)
}
