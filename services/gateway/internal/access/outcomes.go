package access

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// outcome is the result of the checks of a request for an operation that is not
// open to everybody.
type outcome int

const (
	allowed outcome = iota
	unauthenticated
	forbidden
	limited
	crowded // too many streams
	unknown // the keys of the token's issuer cannot be fetched
	outcomeCount
)

var outcomeNames = [outcomeCount]string{"allowed", "unauthenticated", "forbidden", "rate_limited", "too_many_streams", "unavailable"}

// counters has one counter per outcome, so that a request looks up none.
var counters = func() (c [outcomeCount]prometheus.Counter) {
	vec := promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "concha_access_requests_total",
		Help: "Requests for operations that are not open to everybody, by the result of the checks.",
	}, []string{"outcome"})
	for o, name := range outcomeNames {
		c[o] = vec.WithLabelValues(name)
	}
	return c
}()
