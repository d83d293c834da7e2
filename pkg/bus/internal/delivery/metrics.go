package delivery

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/telemetry"
)

var (
	handleDelay = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Name: "concha_event_handle_delay_seconds", Buckets: telemetry.DelayBuckets,
		Help: "Time from the commit of an event to the end of its handling by a subscription.",
	}, []string{"log", "subscription"})
	handledTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "concha_messages_handled_total",
		Help: "Messages that the handler of a subscription has handled.",
	}, []string{"subscription"})
	retriedTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "concha_messages_retried_total",
		Help: "Failed attempts to handle a message that are followed by another one.",
	}, []string{"subscription"})
	deadLetteredTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "concha_messages_dead_lettered_total",
		Help: "Messages that could not be handled and were set aside.",
	}, []string{"subscription"})
)

// metrics are those of one subscription.
type metrics struct {
	subscription                   string
	handled, retried, deadLettered prometheus.Counter
}

func newMetrics(subscription string) metrics {
	return metrics{
		subscription: subscription, handled: handledTotal.WithLabelValues(subscription),
		retried: retriedTotal.WithLabelValues(subscription), deadLettered: deadLetteredTotal.WithLabelValues(subscription),
	}
}

// done notes that msg is handled. Only a message of an event log says when it
// was committed, and by the source in which log.
func (m metrics) done(msg bus.Message) {
	m.handled.Inc()
	committed, err := time.Parse(time.RFC3339Nano, msg.Attributes["ce-time"])
	if err != nil {
		return
	}
	delay := handleDelay.WithLabelValues(strings.TrimPrefix(msg.Attributes["ce-source"], "/"), m.subscription)
	telemetry.Observe(delay, max(0, time.Since(committed).Seconds()), msg.Attributes["ce-traceparent"])
}
