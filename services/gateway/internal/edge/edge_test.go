package edge

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/settings"
)

// service answers with its name and records the last request.
type service struct {
	name    string
	ready   bool
	last    *http.Request
	body    string
	readErr error
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/ready" {
		if !s.ready {
			httpserver.WriteError(w, r, httpserver.ErrUnavailable)
		}
		return
	}
	s.last = r
	if r.Body != nil {
		var body []byte
		if body, s.readErr = io.ReadAll(r.Body); s.readErr != nil {
			httpserver.WriteError(w, r, s.readErr)
			return
		}
		s.body = string(body)
	}
	_, _ = io.WriteString(w, s.name)
}

type gateway struct {
	http.Handler
	accounts, audios *service
}

func newGateway(publicURL settings.Origin) *gateway {
	g := &gateway{accounts: &service{name: "accounts", ready: true}, audios: &service{name: "audios", ready: true}}
	g.Handler = httpserver.Process(New(Config{PublicURL: publicURL, Accounts: g.accounts, Audios: g.audios}), zap.NewNop())
	return g
}

// answer is an HTTP answer that was read completely.
type answer struct {
	status  int
	header  http.Header
	trailer http.Header
	body    string
	err     error // of reading body
}

func read(res *http.Response) answer {
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	return answer{res.StatusCode, res.Header, res.Trailer, string(body), err}
}

func (g *gateway) do(r *http.Request) answer {
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return read(w.Result())
}

// problem checks that a is a problem with that name and returns its errors.
func problem(t *testing.T, a answer, status int, name string) []map[string]string {
	t.Helper()
	var p struct {
		Type   string
		Status int
		Errors []map[string]string
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("not a problem: %d %s", a.status, a.body)
	}
	if a.status != status || p.Status != status || !strings.HasSuffix(p.Type, "/problems/"+name) {
		t.Errorf("got %d %s, want %d %s", a.status, a.body, status, name)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	return p.Errors
}

func TestRoutes(t *testing.T) {
	g := newGateway("")
	for _, test := range []struct{ method, path, want string }{
		{"GET", "/v1/accounts", "accounts"},
		{"POST", "/v1/accounts", "accounts"},
		{"PATCH", "/v1/accounts/7", "accounts"},
		{"DELETE", "/v1/accounts/7/image", "accounts"},
		{"GET", "/v1/accounts/7/events", "accounts"},
		{"GET", "/v1/events/accounts", "accounts"},
		{"GET", "/v1/audios?page_size=3", "audios"},
		{"HEAD", "/v1/audios/7", "audios"},
		{"GET", "/v1/events/audios", "audios"},
		{"GET", "/v1/accounts/..%2F..%2Freadyz", "accounts"},
		{"GET", "/ping", "running"},
		{"GET", "/ping/", "running"},
		{"GET", "/livez", `{"status":"ok"}`},
		{"GET", "/readyz", `{"status":"ok"}`},
	} {
		res := g.do(httptest.NewRequest(test.method, test.path, http.NoBody))
		if got := strings.TrimSpace(res.body); res.status != http.StatusOK || got != test.want {
			t.Errorf("%s %s = %d %q, want %q", test.method, test.path, res.status, got, test.want)
		}
	}
	if got, want := g.accounts.last.URL.EscapedPath(), "/v1/accounts/..%2F..%2Freadyz"; got != want {
		t.Errorf("the service sees %q, want %q", got, want)
	}
}

func TestUnknownRoutesAreProblems(t *testing.T) {
	g := newGateway("https://api.example.com")
	for _, path := range []string{"/", "/v1", "/v1/", "/v1/account", "/v1/accountsx", "/v1/accounts/", "/v1/accounts/7/images", "/v1/events/other", "/v2/accounts", "/readyz/", "/v1%2Faccounts"} {
		problem(t, g.do(httptest.NewRequest(http.MethodGet, path, http.NoBody)), http.StatusNotFound, "no-such-route")
	}
	res := g.do(httptest.NewRequest(http.MethodPost, "/ping", http.NoBody))
	problem(t, res, http.StatusMethodNotAllowed, "method-not-allowed")
	if got := res.header.Get("Allow"); !strings.Contains(got, "GET") || !strings.Contains(got, "HEAD") {
		t.Errorf("Allow = %q", got)
	}
	for _, test := range [][2]string{{"PURGE", "/ping"}, {"PURGE", "/v1/accounts"}, {"OPTIONS", "/v1/audios/7/file"}, {"POST", "/v1/audios/7"}} {
		problem(t, g.do(httptest.NewRequest(test[0], test[1], http.NoBody)), http.StatusMethodNotAllowed, "method-not-allowed")
	}
}

func TestServiceSeesOnlyTheGatewaysForwardedHeaders(t *testing.T) {
	for name, test := range map[string]struct {
		publicURL    settings.Origin
		target, want string
	}{
		"as configured":              {"https://api.example.com", "http://internal:8080/v1/accounts", "https://api.example.com"},
		"as addressed":               {"", "http://localhost:8080/v1/accounts", "http://localhost:8080"},
		"as addressed over TLS":      {"", "https://localhost/v1/accounts", "https://localhost"},
		"configured plain, over TLS": {"http://api.example.com", "https://internal/v1/accounts", "http://api.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(test.publicURL)
			r := httptest.NewRequest(http.MethodGet, test.target, http.NoBody)
			for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Real-Ip", "Forwarded", "Concha-Caller", "X-Serverless-Authorization", "X-Custom", "X-Secret"} {
				r.Header.Set(name, "evil")
			}
			r.Header.Set("Connection", "keep-alive, X-Custom, X-Forwarded-Host, X-Request-Id")
			r.Header.Set("X-Request-Id", "abc")
			res := g.do(r)
			if got := httpserver.PublicURL(g.accounts.last); got != test.want {
				t.Errorf("PublicURL = %q, want %q", got, test.want)
			}
			want := http.Header{
				"X-Forwarded-For":   {"192.0.2.1"},
				"X-Forwarded-Host":  g.accounts.last.Header["X-Forwarded-Host"],
				"X-Forwarded-Proto": g.accounts.last.Header["X-Forwarded-Proto"],
				"X-Request-Id":      {"abc"},
				"X-Secret":          {"evil"},
			}
			if diff := cmp.Diff(want, g.accounts.last.Header); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if got := res.header["X-Request-Id"]; len(got) != 1 || got[0] != "abc" {
				t.Errorf("X-Request-Id of the answer = %q", got)
			}
		})
	}
}

func TestBodyIsBounded(t *testing.T) {
	g := newGateway("")
	fits := strings.Repeat("x", maxBody)
	for name, chunked := range map[string]bool{"announced": false, "chunked": true} {
		t.Run(name, func(t *testing.T) {
			send := func(body string) answer {
				r := httptest.NewRequest(http.MethodPost, "/v1/audios", strings.NewReader(body))
				if chunked {
					r.ContentLength = -1
				}
				return g.do(r)
			}
			if res := send(fits); res.status != http.StatusOK || g.audios.body != fits {
				t.Errorf("a body at the limit: %d", res.status)
			}
			g.audios.last, g.audios.readErr = nil, nil
			res := send(fits + "x")
			if chunked {
				if g.audios.readErr == nil {
					t.Error("the service could read a body above the limit")
				}
				return
			}
			problem(t, res, http.StatusRequestEntityTooLarge, "payload-too-large")
			if g.audios.last != nil {
				t.Error("the service was asked")
			}
			if res.header.Get("Connection") != "close" {
				t.Error("the connection stays open, so the body would be read")
			}
		})
	}
}

func TestReadyWhenBothServicesAre(t *testing.T) {
	g := newGateway("")
	g.audios.ready = false
	errs := problem(t, g.do(httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody)), http.StatusServiceUnavailable, "unavailable")
	if diff := cmp.Diff([]map[string]string{{"pointer": "audios", "detail": "is not ready"}}, errs); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestEveryProblemHasAPage(t *testing.T) {
	g := newGateway("")
	index := g.do(httptest.NewRequest(http.MethodGet, "/problems/", http.NoBody)).body
	for _, p := range httpserver.Problems() {
		res := g.do(httptest.NewRequest(http.MethodGet, "/problems/"+p.Name, http.NoBody))
		if res.status != http.StatusOK || !strings.Contains(res.body, p.Title) {
			t.Errorf("%s: %d %s", p.Name, res.status, res.body)
		}
		if got := res.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s: Content-Type %q", p.Name, got)
		}
		if !strings.Contains(index, `href="/problems/`+p.Name+`"`) {
			t.Errorf("the index lacks %s", p.Name)
		}
	}
	problem(t, g.do(httptest.NewRequest(http.MethodGet, "/problems/%3Cscript%3E", http.NoBody)), http.StatusNotFound, "no-such-instance-error")
}

// BenchmarkPassThrough measures the cost of the edge in front of an in-process
// service.
func BenchmarkPassThrough(b *testing.B) {
	body := []byte(strings.Repeat("x", 300))
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	for name, h := range map[string]http.Handler{
		"bare":       handler,
		"edge":       New(Config{Accounts: handler, Audios: handler}),
		"public URL": New(Config{PublicURL: "https://api.example.com", Accounts: handler, Audios: handler}),
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/v1/accounts/1234567890", http.NoBody)
			r.Header = http.Header{"User-Agent": {"x"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "X-Request-Id": {"abc"}}
			w := discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
