package home

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/concha-labs/backend/pkg/httpserver"
)

func TestIndex(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	tests := []struct {
		accept  string
		console bool
		want    []string
		without string
	}{
		{"", true, []string{`"version":"v1.2.3"`, `"docs":"/docs"`, `"console":"/console"`, `"readiness":"/readyz"`, `"liveness":"/livez"`}, "<"},
		{"*/*", false, []string{`"docs":"/docs"`}, "console"},
		{browser, true, []string{`href="/console"`, `href="/docs"`, `href="/readyz"`, `href="/livez"`, "v1.2.3"}, `"name"`},
		{browser, false, []string{`href="/docs"`}, "/console"},
	}
	for _, tt := range tests {
		e := httpserver.NewEngine()
		Register(e, "v1.2.3", tt.console)
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("Accept", tt.accept)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Header().Get("Vary") != "Accept" {
			t.Errorf("Accept %q: %d %v", tt.accept, w.Code, w.Header())
		}
		for _, part := range tt.want {
			if !strings.Contains(w.Body.String(), part) {
				t.Errorf("Accept %q: no %s in %s", tt.accept, part, w.Body)
			}
		}
		if strings.Contains(w.Body.String(), tt.without) {
			t.Errorf("Accept %q: %s in %s", tt.accept, tt.without, w.Body)
		}
	}
}
