package edge

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/concha-labs/backend/pkg/telemetry"
)

var (
	upstreamDuration = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Name: "concha_upstream_request_duration_seconds", Buckets: telemetry.Buckets,
		Help: "Time from a request to a service to the header of its answer. The status is error if there was no answer.",
	}, []string{"upstream", "status"})
	ejectionsTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "concha_upstream_ejections_total",
		Help: "How often an address of a service failed and was put last for a while.",
	}, []string{"upstream"})
)

// newSeries returns the durations of a service's answers, by status; 0 is for
// none.
func newSeries(service string) *telemetry.Series[int] {
	return telemetry.NewSeries(upstreamDuration, func(status int) []string {
		if status == 0 {
			return []string{service, "error"}
		}
		return []string{service, strconv.Itoa(status)}
	})
}

// ask sends a request to one address and measures the time to its answer. If the
// process exports traces, it does so under a span that the service continues.
func (p *Proxy) ask(out *http.Request) (*http.Response, error) {
	begun := time.Now()
	ctx := out.Context()
	span, traceparent := trace.SpanFromContext(ctx), ""
	if telemetry.Tracing() {
		ctx, span = telemetry.Start(ctx, "gateway", out.Method+" "+p.service, trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(attribute.String("http.request.method", out.Method), attribute.String("server.address", out.URL.Host)))
		traceparent = telemetry.Traceparent(ctx)
		out.Header["Traceparent"] = []string{traceparent}
	}
	for _, introduce := range p.introductions {
		if err := introduce(out); err != nil {
			return nil, introductionError{err}
		}
	}
	res, err := p.transport.RoundTrip(out)
	status := 0
	if err == nil {
		status = res.StatusCode
	}
	telemetry.Observe(p.durations.Of(status), time.Since(begun).Seconds(), traceparent)
	if telemetry.Tracing() {
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, res.Status)
		}
		telemetry.End(span, err)
	}
	return res, err
}
