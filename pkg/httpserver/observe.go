package httpserver

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/telemetry"
)

var (
	requestDuration = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_server_request_duration_seconds", Buckets: telemetry.Buckets,
		Help: "Time from the header of a request to the end of its answer.",
	}, []string{"service", "route", "method", "status"})
	refusedTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "concha_requests_refused_total",
		Help: "Requests that were refused for their credentials: unauthenticated or forbidden.",
	}, []string{"reason"})
	limitedTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "concha_requests_limited_total",
		Help: "Requests that were over a limit of their caller or of the process.",
	}, []string{"reason"})

	// refusals holds the counter of each problem that refuses a request for its
	// caller. A counter that exists from the start shows its first increase.
	refusals = map[string]prometheus.Counter{
		"unauthenticated": refusedTotal.WithLabelValues("unauthenticated"),
		"forbidden":       refusedTotal.WithLabelValues("forbidden"),
		"rate-limited":    limitedTotal.WithLabelValues("rate"),
	}
)

// Observe returns middleware that measures each request of a service's engine
// and, if the process exports traces, runs it under a span. It belongs before
// all other middleware.
func Observe(service string) gin.HandlerFunc {
	m := &measured{service: service, series: telemetry.NewSeries(requestDuration, func(k requestKind) []string {
		return []string{service, template(k.route), k.method, strconv.Itoa(k.status)}
	})}
	return func(c *gin.Context) {
		begun := time.Now()
		span := m.begin(c)
		status := http.StatusInternalServerError // of a handler that panics before it answers
		defer func() {
			if c.Writer.Written() {
				status = c.Writer.Status()
			}
			m.end(c, span, status, time.Since(begun))
		}()
		c.Next()
		status = c.Writer.Status()
	}
}

// measured is the state that Observe keeps for one service.
type measured struct {
	service string
	series  *telemetry.Series[requestKind]
}

// requestKind identifies a series: the labels of requestDuration.
type requestKind struct {
	route, method string
	status        int
}

// begin starts the span of a request, which events that it writes point at.
func (m *measured) begin(c *gin.Context) trace.Span {
	ctx := c.Request.Context()
	if !telemetry.Tracing() {
		return trace.SpanFromContext(ctx)
	}
	origin := events.OriginFrom(ctx)
	if !trace.SpanContextFromContext(ctx).IsValid() { // else this handler was called in process
		ctx = telemetry.WithRemote(ctx, origin.Traceparent)
	}
	route := template(routeOf(c))
	ctx, span := telemetry.Start(ctx, m.service, methodOf(c)+" "+route, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", methodOf(c)), attribute.String("http.route", route),
		attribute.String("url.path", loggedPath(c.Request.URL.Path)), attribute.String("concha.request_id", origin.RequestID)))
	origin.Traceparent = telemetry.Traceparent(ctx)
	c.Request = c.Request.WithContext(events.WithOrigin(ctx, origin))
	if rec := recorderOf(c.Writer); rec != nil && !rec.traced {
		rec.traceparent, rec.traced = origin.Traceparent, true
	}
	return span
}

func (m *measured) end(c *gin.Context, span trace.Span, status int, took time.Duration) {
	if rec := recorderOf(c.Writer); rec != nil && rec.clientGone {
		status = statusClientGone
	}
	series := m.series.Of(requestKind{routeOf(c), methodOf(c), status})
	telemetry.Observe(series, took.Seconds(), events.OriginFrom(c.Request.Context()).Traceparent)
	if telemetry.Tracing() {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
		span.End()
	}
}

// routeOf returns the route that a request matched.
func routeOf(c *gin.Context) string {
	if route := c.FullPath(); route != "" {
		return route
	}
	return "unmatched"
}

// methodOf returns the method of a request. Methods that no route takes are one,
// so that clients cannot make series.
func methodOf(c *gin.Context) string {
	switch method := c.Request.Method; method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "_OTHER"
}

// template returns a route of gin as openapi.yaml writes it.
func template(route string) string {
	segments := strings.Split(strings.ReplaceAll(route, `\:`, "\x00"), "/")
	for i, segment := range segments {
		if name := strings.TrimLeft(segment, ":*"); name != segment {
			segments[i] = "{" + name + "}"
		}
	}
	return strings.ReplaceAll(strings.Join(segments, "/"), "\x00", ":")
}

// countRefusal counts an answer that refuses a request for its caller.
func countRefusal(problem string) {
	if counter := refusals[problem]; counter != nil {
		counter.Inc()
	}
}
