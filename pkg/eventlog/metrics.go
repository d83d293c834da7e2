package eventlog

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// metrics are the metrics of a relay. They go to the global meter provider,
// which drops them if the process has none.
type metrics struct {
	meter                                  metric.Meter
	log                                    metric.MeasurementOption
	publishedTotal, retries, leasesChanged metric.Int64Counter
	age                                    metric.Float64ObservableGauge
	oldest                                 *[Shards]atomic.Int64 // per shard, since when its first unpublished event has waited; 0 if there is none
}

func newMetrics(name string) metrics {
	meter := otel.Meter("github.com/concha-labs/backend/pkg/eventlog")
	// The constructors fail only for malformed names.
	m := metrics{meter: meter, log: metric.WithAttributeSet(attribute.NewSet(attribute.String("log", name))), oldest: new([Shards]atomic.Int64)}
	m.publishedTotal, _ = meter.Int64Counter("concha.relay.published", metric.WithUnit("{event}"),
		metric.WithDescription("Events that the broker has acknowledged."))
	m.retries, _ = meter.Int64Counter("concha.relay.retries", metric.WithUnit("{retry}"),
		metric.WithDescription("Batches that were tried again after a failure to publish them or to save that they were."))
	m.leasesChanged, _ = meter.Int64Counter("concha.relay.lease_changes", metric.WithUnit("{lease}"),
		metric.WithDescription("Shards that this replica has begun or ceased to publish."))
	m.age, _ = meter.Float64ObservableGauge("concha.relay.oldest_unpublished_age", metric.WithUnit("s"),
		metric.WithDescription("Age of the oldest event that this replica is to publish and has not, 0 if there is none. While the log cannot be read, the time since it could be."))
	return m
}

// observe registers the age until stop is called, and exports the counters from
// the start.
func (m metrics) observe(logger *zap.Logger) (stop func()) {
	for _, counter := range []metric.Int64Counter{m.publishedTotal, m.retries, m.leasesChanged} {
		counter.Add(context.Background(), 0, m.log)
	}
	registration, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveFloat64(m.age, m.oldestAge(time.Now()).Seconds(), m.log)
		return nil
	}, m.age)
	if err != nil {
		logger.Warn("the age of unpublished events is not measured", zap.Error(err))
		return func() {}
	}
	return func() { _ = registration.Unregister() } // never fails
}

func (m metrics) oldestAge(now time.Time) (age time.Duration) {
	for i := range m.oldest {
		if at := m.oldest[i].Load(); at != 0 {
			age = max(age, now.Sub(time.Unix(0, at)))
		}
	}
	return age
}

// pending records since when the first unpublished event of a shard has waited,
// or the zero time if there is none.
func (m metrics) pending(shard int, since time.Time) {
	var nanos int64
	if !since.IsZero() {
		nanos = since.UnixNano()
	}
	m.oldest[shard].Store(nanos)
}

// blind records since when a shard cannot be read. If an event is known to wait
// in it, the time of that event remains.
func (m metrics) blind(shard int, since time.Time) {
	m.oldest[shard].CompareAndSwap(0, since.UnixNano())
}

func (m metrics) published(n int) { m.publishedTotal.Add(context.Background(), int64(n), m.log) }

func (m metrics) retried() { m.retries.Add(context.Background(), 1, m.log) }

func (m metrics) leaseChanged(n int) { m.leasesChanged.Add(context.Background(), int64(n), m.log) }
