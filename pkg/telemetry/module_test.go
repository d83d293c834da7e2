package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/concha-labs/backend/pkg/telemetry"
)

func TestMetrics(t *testing.T) {
	early, err := otel.Meter("test").Int64Counter("concha.test.early") // before a provider is set
	if err != nil {
		t.Fatal(err)
	}
	var h http.Handler
	app := fxtest.New(t,
		fx.Provide(func() http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
		}),
		telemetry.Module(),
		fx.Populate(&h),
	).RequireStart()
	defer app.RequireStop()
	early.Add(t.Context(), 7)

	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
		return w
	}
	w := ask(http.MethodGet, "/metrics")
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("GET /metrics: %d, %s", w.Code, w.Header().Get("Content-Type"))
	}
	for _, want := range []string{"concha_test_early_total 7\n", "\ngo_goroutines ", "\nprocess_resident_memory_bytes "} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q is missing from\n%s", want, w.Body)
		}
	}
	for _, other := range [][2]string{{http.MethodPost, "/metrics"}, {http.MethodGet, "/metrics/"}, {http.MethodGet, "/"}} {
		if w := ask(other[0], other[1]); w.Code != http.StatusTeapot {
			t.Errorf("%s %s: %d, want the process's own handler", other[0], other[1], w.Code)
		}
	}
}
