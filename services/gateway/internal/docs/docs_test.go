package docs

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/concha-labs/backend/pkg/httpserver"
)

const (
	testContract = "openapi: 3.1.0\n"
	testEvents   = "asyncapi: 3.0.0\n"
)

func get(t *testing.T, method, path string, header http.Header) (*httptest.ResponseRecorder, string) {
	t.Helper()
	e := httpserver.NewEngine()
	Register(e, []byte(testContract), []byte(testEvents))
	r := httptest.NewRequest(method, path, http.NoBody)
	r.Header = header
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w, w.Body.String()
}

var files = map[string]struct{ contentType, contains string }{
	"/docs":                      {"text/html; charset=utf-8", "swagger-ui"},
	"/docs/":                     {"text/html; charset=utf-8", "swagger-ui"},
	"/docs/init.js":              {"text/javascript; charset=utf-8", "/docs/openapi.yaml"},
	"/docs/stream":               {"text/html; charset=utf-8", "/docs/stream.js"},
	"/docs/stream.js":            {"text/javascript; charset=utf-8", "EventSource"},
	"/docs/openapi.yaml":         {"application/yaml", testContract},
	"/docs/openapi.yaml/":        {"application/yaml", testContract},
	"/docs/asyncapi.yaml":        {"application/yaml", testEvents},
	"/docs/asyncapi.yaml/":       {"application/yaml", testEvents},
	"/docs/swagger-ui-bundle.js": {"text/javascript; charset=utf-8", "SwaggerUIBundle"},
	"/docs/swagger-ui.css":       {"text/css; charset=utf-8", ".swagger-ui"},

	"/schemas/concha.account.created.v1.json": {"application/schema+json", "/schemas/concha.account.created.v1.json"},
	"/schemas/concha.audio.deleted.v1.json":   {"application/schema+json", "/schemas/concha.audio.deleted.v1.json"},
}

func TestEveryFileIsServed(t *testing.T) {
	for path, want := range files {
		res, body := get(t, http.MethodGet, path, nil)
		if res.Code != http.StatusOK || res.Header().Get("Content-Type") != want.contentType || res.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v", path, res.Code, res.Header())
		}
		if !strings.Contains(body, want.contains) {
			t.Errorf("%s: %d bytes without %q", path, len(body), want.contains)
		}
		if head, _ := get(t, http.MethodHead, path, nil); head.Header().Get("Content-Length") != strconv.Itoa(len(body)) || head.Code != http.StatusOK {
			t.Errorf("%s: HEAD %d %v", path, head.Code, head.Header())
		}
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	for path := range files {
		first, _ := get(t, http.MethodGet, path, nil)
		again, body := get(t, http.MethodGet, path, http.Header{"If-None-Match": first.Header()["Etag"]})
		if again.Code != http.StatusNotModified || body != "" || again.Header().Get("ETag") != first.Header().Get("ETag") {
			t.Errorf("%s: %d, %d bytes, %v", path, again.Code, len(body), again.Header())
		}
	}
}

func TestPageLoadsOnlyWhatThisOriginServes(t *testing.T) {
	res, page := get(t, http.MethodGet, "/docs", nil)
	policy := res.Header().Get("Content-Security-Policy")
	if !strings.Contains(policy, "script-src 'self';") || !strings.Contains(policy, "default-src 'none';") {
		t.Errorf("policy %q", policy)
	}
	for _, link := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if link[1] == "data:," {
			continue
		}
		if res, _ := get(t, http.MethodGet, link[1], nil); res.Code != http.StatusOK {
			t.Errorf("%s: %d", link[1], res.Code)
		}
	}
	if regexp.MustCompile(`<script>|\son[a-z]+=`).MatchString(page) {
		t.Error("the page has an inline script, which the policy forbids")
	}
}
