package edge

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/telemetry"
	"github.com/concha-labs/backend/pkg/telemetry/telemetrytest"
)

func TestProxyMeasuresItsServiceAndContinuesItsTrace(t *testing.T) {
	spans := telemetrytest.Spans(t)
	var traceparent string
	p := NewProxy("measured", addresses(t, refusing(t), upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		traceparent = r.Header.Get("Traceparent")
	})))
	defer p.transport.CloseIdleConnections()
	metrics := telemetrytest.Metrics(t, `upstream="measured"`)
	ctx, span := telemetry.Start(t.Context(), "test", "the request")
	for range 2 { // one of them begins with the address that accepts nothing
		serve(p, get().WithContext(ctx))
	}
	span.End()
	want := map[string]float64{
		`concha_upstream_request_duration_seconds{status="200"}`:   2,
		`concha_upstream_request_duration_seconds{status="error"}`: 1,
		"concha_upstream_ejections_total":                          1,
	}
	if diff := cmp.Diff(want, metrics()); diff != "" {
		t.Error(diff)
	}
	var last string
	for _, s := range spans() {
		if s.Name == "GET measured" {
			if s.Parent.SpanID() != span.SpanContext().SpanID() {
				t.Errorf("the span %v is not in the request's", s.SpanContext.SpanID())
			}
			last = "00-" + s.SpanContext.TraceID().String() + "-" + s.SpanContext.SpanID().String() + "-01"
		}
	}
	if traceparent != last {
		t.Errorf("the service continues %q, want %q", traceparent, last)
	}
}
