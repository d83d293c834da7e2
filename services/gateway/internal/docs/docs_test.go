package docs

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/concha-labs/backend/pkg/httpserver"
)

const testContract = "openapi: 3.1.0\n"

func get(t *testing.T, method, path string, header http.Header) (*httptest.ResponseRecorder, string) {
	t.Helper()
	e := httpserver.NewEngine()
	Register(e, []byte(testContract))
	r := httptest.NewRequest(method, path, http.NoBody)
	r.Header = header
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	body := w.Body.Bytes()
	if w.Header().Get("Content-Encoding") == "gzip" && len(body) > 0 {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return w, string(body)
}

var files = map[string]struct{ contentType, contains string }{
	"/docs":                      {"text/html; charset=utf-8", "swagger-ui"},
	"/docs/":                     {"text/html; charset=utf-8", "swagger-ui"},
	"/docs/init.js":              {"text/javascript; charset=utf-8", "/docs/openapi.yaml"},
	"/docs/openapi.yaml":         {"application/yaml", testContract},
	"/docs/swagger-ui-bundle.js": {"text/javascript; charset=utf-8", "SwaggerUIBundle"},
	"/docs/swagger-ui.css":       {"text/css; charset=utf-8", ".swagger-ui"},
}

func TestEveryFileIsServedPlainAndZipped(t *testing.T) {
	for path, want := range files {
		plain, body := get(t, http.MethodGet, path, nil)
		zipped, unzipped := get(t, http.MethodGet, path, http.Header{"Accept-Encoding": {"br, gzip;q=0.8"}})
		for _, res := range []*httptest.ResponseRecorder{plain, zipped} {
			if res.Code != http.StatusOK || res.Header().Get("Content-Type") != want.contentType {
				t.Errorf("%s: %d %s", path, res.Code, res.Header().Get("Content-Type"))
			}
			if res.Header().Get("Vary") != "Accept-Encoding" || res.Header().Get("Cache-Control") != "no-cache" {
				t.Errorf("%s: headers %v", path, res.Header())
			}
		}
		if plain.Header().Get("Content-Encoding") != "" || zipped.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: the encodings are %q and %q", path, plain.Header()["Content-Encoding"], zipped.Header()["Content-Encoding"])
		}
		if body != unzipped || !strings.Contains(body, want.contains) {
			t.Errorf("%s: %d bytes plain, %d unzipped", path, len(body), len(unzipped))
		}
		if a, b := plain.Header().Get("ETag"), zipped.Header().Get("ETag"); a == b || a == "" || b == "" {
			t.Errorf("%s: the ETags are %s and %s", path, a, b)
		}
		if head, empty := get(t, http.MethodHead, path, nil); head.Header().Get("Content-Length") != plain.Header().Get("Content-Length") || head.Code != http.StatusOK {
			t.Errorf("%s: HEAD %d %v %d", path, head.Code, head.Header(), len(empty))
		}
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	for path := range files {
		for _, encoding := range []string{"", "gzip"} {
			header := http.Header{"Accept-Encoding": {encoding}}
			first, _ := get(t, http.MethodGet, path, header)
			header.Set("If-None-Match", first.Header().Get("ETag"))
			again, body := get(t, http.MethodGet, path, header)
			if again.Code != http.StatusNotModified || body != "" || again.Header().Get("ETag") != first.Header().Get("ETag") {
				t.Errorf("%s %s: %d, %d bytes, %v", path, encoding, again.Code, len(body), again.Header())
			}
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

func TestAcceptsGzip(t *testing.T) {
	for value, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "br": false, "br,gzip": true, "gzip;q=0": false, "gzip; q=0.000": false,
		"gzip; q=0.5, br": true, "gzipped": false, "identity, *": false,
	} {
		if got := acceptsGzip(http.Header{"Accept-Encoding": {value}}); got != want {
			t.Errorf("%q: %t", value, got)
		}
	}
}
