// Package telemetry exports metrics and traces.
//
// Metrics are Prometheus collectors. Each package declares its own beside the
// measured code and registers them in the default registry. The admin port
// serves them.
//
// Traces go through OpenTelemetry. Unless the environment names an exporter, no
// span is started, so that a request pays nothing for them.
package telemetry

import (
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Buckets are the upper bounds, in seconds, of the histograms of requests.
var Buckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// DelayBuckets are the upper bounds, in seconds, of the histograms of delays of
// events, which may wait for hours in an outage.
var DelayBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400}

var buildInfo = promauto.NewGaugeVec(prometheus.GaugeOpts{
	Name: "concha_build_info",
	Help: "1 for the running version.",
}, []string{"service", "version", "goversion"})

// adminHandler serves GET /metrics, with exemplars to a client that accepts the
// OpenMetrics format, and /debug/pprof/.
func adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.InstrumentMetricHandler(prometheus.DefaultRegisterer,
		promhttp.HandlerFor(prometheus.DefaultGatherer, promhttp.HandlerOpts{EnableOpenMetrics: true})))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
