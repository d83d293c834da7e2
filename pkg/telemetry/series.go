package telemetry

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Series finds the histogram for a key. It saves a hot path the time and memory
// that Prometheus takes to turn a key into labels. It is safe for concurrent use.
type Series[K comparable] struct {
	vec    *prometheus.HistogramVec
	labels func(K) []string

	mu    sync.RWMutex
	found map[K]prometheus.Observer
}

// NewSeries returns the Series of vec, whose labels are a function of the key.
func NewSeries[K comparable](vec *prometheus.HistogramVec, labels func(K) []string) *Series[K] {
	return &Series[K]{vec: vec, labels: labels, found: map[K]prometheus.Observer{}}
}

// Of returns the histogram for a key.
func (s *Series[K]) Of(key K) prometheus.Observer {
	s.mu.RLock()
	observer, ok := s.found[key]
	s.mu.RUnlock()
	if !ok {
		observer = s.vec.WithLabelValues(s.labels(key)...)
		s.mu.Lock()
		s.found[key] = observer
		s.mu.Unlock()
	}
	return observer
}
