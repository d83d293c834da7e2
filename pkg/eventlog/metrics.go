package eventlog

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/concha-labs/backend/pkg/telemetry"
)

var (
	publishDelay = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Name: "concha_event_publish_delay_seconds", Buckets: telemetry.DelayBuckets,
		Help: "Time from the commit of an event to the acknowledgement of the broker.",
	}, []string{"log"})
	publishedTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "concha_relay_published_total",
		Help: "Events that the broker has acknowledged.",
	}, []string{"log"})
	retriesTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "concha_relay_retries_total",
		Help: "Batches that were tried again after a failure to publish them or to save their offset.",
	}, []string{"log"})
	leaseChangesTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "concha_relay_lease_changes_total",
		Help: "Shards that this replica has begun or ceased to publish.",
	}, []string{"log"})
	ownedShards = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Name: "concha_relay_shards",
		Help: "Shards that this replica publishes: 16 in all replicas of a service together.",
	}, []string{"log"})
)

// ages holds the metrics of the relays that run, by the name of their log.
var ages sync.Map

func init() { prometheus.MustRegister(ageCollector{}) }

// ageCollector reads the age of the oldest unpublished event when it is asked
// for: it grows by itself.
type ageCollector struct{}

var oldestAge = prometheus.NewDesc("concha_relay_oldest_unpublished_age_seconds",
	"Age of the oldest event that this replica has to publish, 0 if there is none. While the log cannot be read, the time since it could be.",
	[]string{"log"}, nil)

func (ageCollector) Describe(descs chan<- *prometheus.Desc) { descs <- oldestAge }

func (ageCollector) Collect(found chan<- prometheus.Metric) {
	ages.Range(func(log, m any) bool {
		age := m.(*metrics).oldestAge(time.Now()).Seconds()
		found <- prometheus.MustNewConstMetric(oldestAge, prometheus.GaugeValue, age, log.(string))
		return true
	})
}

// metrics are those of one relay.
type metrics struct {
	log                               string
	publishDelay                      prometheus.Observer
	published, retried, leasesChanged prometheus.Counter
	owned                             prometheus.Gauge
	oldest                            [Shards]atomic.Int64 // per shard, when its first unpublished event was committed; 0: there is none
}

func newMetrics(log string) *metrics {
	return &metrics{
		log:          log,
		publishDelay: publishDelay.WithLabelValues(log), published: publishedTotal.WithLabelValues(log),
		retried: retriesTotal.WithLabelValues(log), leasesChanged: leaseChangesTotal.WithLabelValues(log),
		owned: ownedShards.WithLabelValues(log),
	}
}

// observe exports the age until stop. Of several relays of one log in one
// process, it exports that of the one that began last.
func (m *metrics) observe() (stop func()) {
	ages.Store(m.log, m)
	return func() { ages.CompareAndDelete(m.log, m) }
}

func (m *metrics) oldestAge(now time.Time) (age time.Duration) {
	for i := range m.oldest {
		if at := m.oldest[i].Load(); at != 0 {
			age = max(age, now.Sub(time.Unix(0, at)))
		}
	}
	return age
}

// acknowledged notes that the broker has acknowledged entries.
func (m *metrics) acknowledged(entries []Entry) {
	now := time.Now()
	for _, e := range entries {
		telemetry.Observe(m.publishDelay, max(0, now.Sub(e.Time).Seconds()), e.Traceparent)
	}
	m.published.Add(float64(len(entries)))
}

// pending notes when the first unpublished event of a shard was committed. The
// zero time means that there is none.
func (m *metrics) pending(shard int, since time.Time) {
	var nanos int64
	if !since.IsZero() {
		nanos = since.UnixNano()
	}
	m.oldest[shard].Store(nanos)
}

// blind notes since when the events of a shard are unknown. An event that is
// known to be unpublished stays so.
func (m *metrics) blind(shard int, since time.Time) {
	m.oldest[shard].CompareAndSwap(0, since.UnixNano())
}
