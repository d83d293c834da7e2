package httpserver_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/telemetry/telemetrytest"
)

const sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestObserve(t *testing.T) {
	e := httpserver.NewEngine()
	e.Use(httpserver.Observe("observed"))
	httpserver.Get(e, "/v1/things/:id", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	e.POST(`/v1/things\:batch`, func(c *gin.Context) {
		httpserver.Fail(c, fault.New(fault.Invalid, "malformed-request", "no"))
	})
	e.GET("/files/*path", func(*gin.Context) { panic("a bug") })
	leave := func(c *gin.Context) {
		ctx, cancel := context.WithCancel(c.Request.Context())
		cancel()
		c.Request = c.Request.WithContext(ctx)
		httpserver.Fail(c, ctx.Err())
	}
	e.GET("/gone", leave)
	h, _ := process(e.ServeHTTP)
	telemetrytest.Spans(t)
	metrics := telemetrytest.Metrics(t, `service="observed"`)
	for _, r := range []*http.Request{
		httptest.NewRequest(http.MethodGet, "/v1/things/7", nil), httptest.NewRequest(http.MethodGet, "/v1/things/8", nil),
		httptest.NewRequest(http.MethodHead, "/v1/things/7", nil), httptest.NewRequest(http.MethodPost, "/v1/things:batch", nil),
		httptest.NewRequest(http.MethodGet, "/files/a/b", nil), httptest.NewRequest(http.MethodGet, "/nothing", nil),
		httptest.NewRequest("BREW", "/nothing", nil), httptest.NewRequest(http.MethodGet, "/gone", nil),
	} {
		r.Header.Set("Traceparent", sampled)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	const name = "http_server_request_duration_seconds"
	want := map[string]float64{
		name + `{method="GET",route="/v1/things/{id}",status="204"}`:   2,
		name + `{method="HEAD",route="/v1/things/{id}",status="204"}`:  1,
		name + `{method="POST",route="/v1/things:batch",status="400"}`: 1,
		name + `{method="GET",route="/files/{path}",status="500"}`:     1,
		name + `{method="GET",route="unmatched",status="404"}`:         1,
		name + `{method="_OTHER",route="unmatched",status="404"}`:      1,
		name + `{method="GET",route="/gone",status="499"}`:             1,
	}
	if diff := cmp.Diff(want, metrics()); diff != "" {
		t.Error(diff)
	}
	if trace := telemetrytest.Exemplar(t, name, `service="observed"`); trace != sampled[3:35] {
		t.Errorf("exemplar %q", trace)
	}
}

// A service that is called in process is in the span of its caller, not beside
// it.
func TestObserveStartsSpans(t *testing.T) {
	spans := telemetrytest.Spans(t)
	var written string // the traceparent of events
	inner := httpserver.NewEngine()
	inner.Use(httpserver.Observe("inner"))
	inner.GET("/v1/things/:id", func(c *gin.Context) {
		written = events.OriginFrom(c.Request.Context()).Traceparent
		httpserver.Fail(c, context.DeadlineExceeded)
	})
	outer := httpserver.NewEngine()
	outer.Use(httpserver.Observe("outer"))
	outer.GET("/v1/*path", func(c *gin.Context) { inner.ServeHTTP(c.Writer, c.Request) })
	h, logs := process(outer.ServeHTTP)
	r := httptest.NewRequest(http.MethodGet, "/v1/things/7", nil)
	r.Header.Set("Traceparent", sampled)
	h.ServeHTTP(httptest.NewRecorder(), r)

	got := spans()
	if len(got) != 2 {
		t.Fatalf("%d spans, want 2", len(got))
	}
	in, out := got[0], got[1]
	if out.Name != "GET /v1/{path}" || out.Parent.SpanID().String() != sampled[36:52] || out.SpanContext.TraceID().String() != sampled[3:35] {
		t.Errorf("the outer span is %q after %v", out.Name, out.Parent)
	}
	if in.Name != "GET /v1/things/{id}" || in.Parent.SpanID() != out.SpanContext.SpanID() || in.Status.Code != codes.Error {
		t.Errorf("the inner span is %q after %v, %v", in.Name, in.Parent, in.Status)
	}
	if want := "00-" + sampled[3:35] + "-" + in.SpanContext.SpanID().String() + "-01"; written != want {
		t.Errorf("events point at %q, want the inner span, %q", written, want)
	}
	_, fields := line(t, logs)
	if fields["logging.googleapis.com/trace"] != sampled[3:35] || fields["logging.googleapis.com/spanId"] != out.SpanContext.SpanID().String() {
		t.Errorf("the log line has %v", fields)
	}
}

// BenchmarkObserve measures the share of a request that metrics take in a
// process that exports no traces, without and with a trace of the client's.
func BenchmarkObserve(b *testing.B) {
	for name, observe := range map[string][]gin.HandlerFunc{"bare": nil, "observed": {httpserver.Observe("bench")}} {
		for kind, traceparent := range map[string]string{"untraced": "", "sampled": sampled} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				e := httpserver.NewEngine()
				e.Use(observe...)
				e.GET("/v1/accounts/:id", func(c *gin.Context) { c.Status(http.StatusNoContent) })
				r := httptest.NewRequest(http.MethodGet, "/v1/accounts/4503599627370496", nil)
				r = r.WithContext(events.WithOrigin(r.Context(), events.Origin{Traceparent: traceparent}))
				w := discard{header: http.Header{}}
				b.ReportAllocs()
				for b.Loop() {
					e.ServeHTTP(w, r)
				}
			})
		}
	}
}
