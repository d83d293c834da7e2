package spannerdb

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/concha-labs/backend/pkg/telemetry"
)

var (
	retriesTotal = promauto.NewCounter(prometheus.CounterOpts{
		Name: "concha_spanner_retries_total",
		Help: "Transactions that ran again because Spanner had aborted them.",
	})
	duration = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Name: "concha_spanner_duration_seconds", Buckets: telemetry.Buckets,
		Help: "Duration of reads and of read-write transactions, with all their runs.",
	}, []string{"kind"})
	readDuration  = duration.WithLabelValues("read")
	writeDuration = duration.WithLabelValues("write")
)
