package httpserver

import (
	"testing"

	"github.com/concha-labs/backend/pkg/telemetry/telemetrytest"
)

func TestCountRefusal(t *testing.T) {
	want := map[string]string{"unauthenticated": "concha_requests_refused_total", "forbidden": "concha_requests_refused_total", "rate": "concha_requests_limited_total"}
	metrics := map[string]func() map[string]float64{}
	for reason := range want {
		metrics[reason] = telemetrytest.Metrics(t, `reason="`+reason+`"`)
	}
	for _, problem := range []string{"unauthenticated", "forbidden", "rate-limited", "already-exists", "internal"} {
		countRefusal(problem)
	}
	for reason, name := range want {
		if got := metrics[reason]()[name]; got != 1 {
			t.Errorf("%s of %s = %v, want 1", name, reason, got)
		}
	}
}
