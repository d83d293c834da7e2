package access_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/apikey"
	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/gateway/internal/access"
	"github.com/concha-labs/backend/services/gateway/internal/classic"
	"github.com/concha-labs/backend/services/gateway/internal/edge"
)

// keyFile is a file of API keys that a test changes.
type keyFile struct {
	t    testing.TB
	path string
}

func newKeyFile(t testing.TB) keyFile {
	return keyFile{t, filepath.Join(t.TempDir(), "keys")}
}

// add makes a key and appends its line.
func (f keyFile) add(k apikey.Key) (key string) {
	f.t.Helper()
	key, line, err := apikey.New(k)
	if err != nil {
		f.t.Fatal(err)
	}
	content, _ := os.ReadFile(f.path)
	f.write(string(content) + string(line) + "\n")
	return key
}

func (f keyFile) write(content string) {
	f.t.Helper()
	if err := os.WriteFile(f.path, []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// gateway is an engine with a guard over services that answer with the caller.
type gateway struct {
	t       testing.TB
	handler http.Handler
	guard   *access.Guard
}

func newGateway(t testing.TB, cfg access.Config) gateway {
	t.Helper()
	if cfg.RateLimit == 0 {
		cfg.RateLimit, cfg.AnonymousRateLimit = 1e6, 1e6
	}
	guard, err := access.New(cfg, "", edge.Networks{}.ClientAddress, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		who, _ := caller.Lookup(r.Context())
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"caller": who.ID, "scopes": who.Scopes.String()})
	})
	e := edge.New(edge.Config{Accounts: service, Audios: service, Middleware: guard.Handlers()})
	classic.Register(e, "", service, service)
	httpserver.Get(e, "/forgotten", func(*gin.Context) {})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); guard.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return gateway{t, httpserver.Process(e, zap.NewNop()), guard}
}

// ask sends a request with a header Authorization, unless that is "".
func (g gateway) ask(method, path, authorization string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	g.t.Helper()
	r := httptest.NewRequestWithContext(g.t.Context(), method, path, http.NoBody)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	g.handler.ServeHTTP(w, r)
	return w
}

// want checks an answer's status and, if it is a problem, its name.
func want(t testing.TB, w *httptest.ResponseRecorder, status int, problem string) {
	t.Helper()
	if w.Code != status || problem != "" && !strings.Contains(w.Body.String(), "/problems/"+problem+`"`) {
		t.Errorf("answer %d %s, want %d %s", w.Code, w.Body, status, problem)
	}
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not true in 10 s: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestCallersWithAPIKeys(t *testing.T) {
	file := newKeyFile(t)
	reader := file.add(apikey.Key{ID: "reader", Scopes: caller.AccountsRead})
	odd := file.add(apikey.Key{ID: "a_b_c", Scopes: caller.AccountsRead})
	expired := file.add(apikey.Key{ID: "old", Scopes: caller.AccountsRead, ExpiresAt: time.Now().Add(-time.Minute)})
	g := newGateway(t, access.Config{Mode: access.Required, KeysFile: file.path})
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for name, authorization := range map[string]string{
		"bearer": "Bearer " + reader, "lower case": "bearer " + reader, "basic": basic("reader", reader), "an id with underscores": "Bearer " + odd,
	} {
		w := g.ask(http.MethodGet, "/v1/accounts", authorization)
		want(t, w, http.StatusOK, "")
		if id := "key:reader"; !strings.Contains(w.Body.String(), id) && name != "an id with underscores" {
			t.Errorf("%s: the service sees %s", name, w.Body)
		}
		if got := w.Header().Get("Vary"); !strings.Contains(got, "Authorization") {
			t.Errorf("%s: Vary is %q", name, got)
		}
		want(t, g.ask(http.MethodGet, "/accounts/7/", authorization), http.StatusBadGateway, "bad-upstream") // the stub is no account
	}
	want(t, g.ask(http.MethodPost, "/v1/accounts", "Bearer "+reader), http.StatusForbidden, "forbidden")
	if w := g.ask(http.MethodPost, "/v1/accounts", "Bearer "+reader); !strings.Contains(w.Body.String(), "accounts:write or accounts:own") {
		t.Errorf("the problem does not name the scopes: %s", w.Body)
	}
	var answers []string
	for _, authorization := range []string{
		"Bearer " + reader[:len(reader)-1] + "x", "Bearer concha_nobody_secret", "Bearer " + expired, "Bearer concha_reader", "Bearer concha_",
		"Bearer x", "Basic !", basic("other", reader), "Digest x", " ",
	} {
		w := g.ask(http.MethodGet, "/v1/accounts", authorization, from("192.0.2."+string(rune('1'+len(answers)/5))))
		want(t, w, http.StatusUnauthorized, "unauthenticated")
		if got := w.Header().Get("WWW-Authenticate"); got != "Bearer" {
			t.Errorf("WWW-Authenticate is %q", got)
		}
		said, _, _ := strings.Cut(w.Body.String(), `,"instance"`)
		answers = append(answers, said)
		if answers[0] != answers[len(answers)-1] {
			t.Errorf("the answers differ: %s, %s", answers[0], w.Body)
		}
	}
	two := g.ask(http.MethodGet, "/v1/accounts", "Bearer "+reader, func(r *http.Request) { r.Header.Add("Authorization", "Bearer x") })
	want(t, two, http.StatusUnauthorized, "unauthenticated")
	want(t, g.ask(http.MethodGet, "/v1/accounts", ""), http.StatusUnauthorized, "unauthenticated")
}

// from sets the address of the client.
func from(address string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = net.JoinHostPort(address, "1234") }
}

func TestOpenRoutesAskNobody(t *testing.T) {
	g := newGateway(t, access.Config{Mode: access.Required, KeysFile: emptyKeys(t)})
	for _, path := range []string{"/ping", "/livez", "/problems", "/problems/forbidden"} {
		want(t, g.ask(http.MethodGet, path, "Bearer rubbish"), http.StatusOK, "")
	}
	want(t, g.ask(http.MethodGet, "/forgotten", ""), http.StatusForbidden, "forbidden")
	want(t, g.ask(http.MethodGet, "/nothing", ""), http.StatusNotFound, "no-such-route")
	want(t, g.ask(http.MethodPut, "/v1/accounts", ""), http.StatusMethodNotAllowed, "method-not-allowed")
	want(t, g.ask(http.MethodHead, "/v1/accounts", ""), http.StatusUnauthorized, "")
	if w := g.ask(http.MethodGet, "/v1/caller", ""); w.Code != http.StatusOK || w.Body.String() != `{"access":"required","id":null,"scopes":[]}` {
		t.Errorf("/v1/caller: %d %s", w.Code, w.Body)
	}
	want(t, g.ask(http.MethodGet, "/v1/caller", "Bearer rubbish"), http.StatusUnauthorized, "unauthenticated")
}

func emptyKeys(t testing.TB) string {
	file := newKeyFile(t)
	file.write("")
	return file.path
}

func TestAnonymousScopes(t *testing.T) {
	g := newGateway(t, access.Config{Mode: access.Required, KeysFile: emptyKeys(t), AnonymousScopes: caller.AudiosRead, ClassicScopes: caller.AccountsRead})
	want(t, g.ask(http.MethodGet, "/v1/audios", ""), http.StatusOK, "")
	want(t, g.ask(http.MethodGet, "/v1/accounts", ""), http.StatusUnauthorized, "unauthenticated")
	want(t, g.ask(http.MethodGet, "/accounts", ""), http.StatusBadGateway, "bad-upstream") // let through to the stub
	want(t, g.ask(http.MethodPost, "/accounts", ""), http.StatusUnauthorized, "unauthenticated")
	want(t, g.ask(http.MethodGet, "/v1/audios", "Bearer rubbish"), http.StatusUnauthorized, "unauthenticated")
}

func TestWithoutAccessControlNobodyIsAsked(t *testing.T) {
	g := newGateway(t, access.Config{})
	w := g.ask(http.MethodGet, "/v1/accounts", "Bearer rubbish")
	want(t, w, http.StatusOK, "")
	if w.Header().Get("RateLimit") != "" {
		t.Error("there is a limit")
	}
}

func TestKeysAreReadAgain(t *testing.T) {
	file := newKeyFile(t)
	first := file.add(apikey.Key{ID: "first", Scopes: caller.AccountsRead})
	g := newGateway(t, access.Config{Mode: access.Required, KeysFile: file.path})
	works := func(key string) bool {
		return g.ask(http.MethodGet, "/v1/accounts", "Bearer "+key, from("192.0.2.1")).Code == http.StatusOK
	}
	second := file.add(apikey.Key{ID: "second", Scopes: caller.AccountsRead})
	eventually(t, "a new key works", func() bool { return works(second) })
	good, _ := os.ReadFile(file.path)
	file.write(string(good) + "{\n")
	_, rest, _ := strings.Cut(string(good), "\n")
	file.write(rest)
	eventually(t, "a withdrawn key does not work", func() bool { return !works(first) })
	file.write("{\n")
	<-time.After(1500 * time.Millisecond) // longer than the file stays unread
	if !works(second) {
		t.Error("a broken file withdraws keys")
	}
	if err := os.Remove(file.path); err != nil {
		t.Fatal(err)
	}
	<-time.After(1500 * time.Millisecond)
	if !works(second) {
		t.Error("a missing file withdraws keys")
	}
	file.write(string(good))
	eventually(t, "the file is read once it is good again", func() bool { return works(first) })
}

func TestLimits(t *testing.T) {
	file := newKeyFile(t)
	key := file.add(apikey.Key{ID: "a", Scopes: caller.AllScopes})
	slow := file.add(apikey.Key{ID: "b", Scopes: caller.AllScopes, Rate: 1})
	g := newGateway(t, access.Config{Mode: access.Required, KeysFile: file.path, RateLimit: 100, AnonymousRateLimit: 1, AnonymousScopes: caller.AccountsRead})
	left := func(w *httptest.ResponseRecorder) string {
		return strings.TrimPrefix(strings.Split(w.Header().Get("RateLimit"), ";")[1], "r=")
	}
	w := g.ask(http.MethodGet, "/v1/accounts", "Bearer "+key)
	if got := w.Header().Get("RateLimit-Policy"); got != `"caller";q=200;w=2` || left(w) != "199" {
		t.Errorf("RateLimit-Policy %s, RateLimit %s", got, w.Header().Get("RateLimit"))
	}
	for _, test := range []struct {
		method, path, body string
		cost               int
	}{
		{"GET", "/v1/accounts?include_total=true", "", 6},
		{"PUT", "/v1/accounts/7/image", "", 10},
		{"POST", "/accounts/7/upload_image", "", 10},
		{"GET", "/v1/audios:export", "", 50},
		{"POST", "/v1/audios:batch", "[" + strings.Repeat(`{"a":[1,2,"],"]},`, 249) + "{}]", 3},
	} {
		before := g.ask(http.MethodGet, "/v1/accounts", "Bearer "+key)
		g.ask(test.method, test.path, "Bearer "+key, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(test.body)), int64(len(test.body))
		})
		after := g.ask(http.MethodGet, "/v1/accounts", "Bearer "+key)
		var b, a int
		_ = json.Unmarshal([]byte(left(before)), &b)
		_ = json.Unmarshal([]byte(left(after)), &a)
		if cost := b - a - 1; cost < test.cost-2 || cost > test.cost { // some comes back meanwhile
			t.Errorf("%s %s costs %d, want %d", test.method, test.path, cost, test.cost)
		}
	}
	for _, c := range []struct{ name, authorization string }{{"own rate", "Bearer " + slow}, {"anonymous", ""}} {
		var last *httptest.ResponseRecorder
		for range 4 {
			last = g.ask(http.MethodGet, "/v1/accounts", c.authorization, from("2001:db8::1"))
		}
		want(t, last, http.StatusTooManyRequests, "rate-limited")
		if last.Header().Get("Retry-After") != "1" || left(last) != "0" {
			t.Errorf("%s: Retry-After %s, RateLimit %s", c.name, last.Header().Get("Retry-After"), last.Header().Get("RateLimit"))
		}
	}
	want(t, g.ask(http.MethodGet, "/v1/accounts", "", from("2001:db8::ffff")), http.StatusTooManyRequests, "rate-limited") // the same /64
	want(t, g.ask(http.MethodGet, "/v1/accounts", "", from("2001:db8:0:1::1")), http.StatusOK, "")
}

func TestRefusedCredentialsAreLimited(t *testing.T) {
	file := newKeyFile(t)
	key := file.add(apikey.Key{ID: "a", Scopes: caller.AllScopes})
	g := newGateway(t, access.Config{Mode: access.Required, KeysFile: file.path})
	statuses := map[int]int{}
	for range 100 {
		statuses[g.ask(http.MethodGet, "/v1/accounts", "Bearer concha_a_wrong").Code]++
	}
	if n := statuses[http.StatusUnauthorized]; n < 10 || n > 15 || statuses[http.StatusTooManyRequests] != 100-n {
		t.Errorf("answers %v, want 401 for a burst of 10", statuses)
	}
	want(t, g.ask(http.MethodGet, "/v1/accounts", "Bearer "+key), http.StatusOK, "")
}

func TestBrowsers(t *testing.T) {
	const page = "https://app.example.com"
	g := newGateway(t, access.Config{Mode: access.Required, KeysFile: emptyKeys(t), CORSOrigins: access.Origins{page}})
	origin := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Origin", value) }
	}
	preflight := func(r *http.Request) { r.Header.Set("Access-Control-Request-Method", "PUT") }
	w := g.ask(http.MethodOptions, "/v1/accounts/7", "", origin(page), preflight)
	want(t, w, http.StatusNoContent, "")
	if w.Header().Get("Access-Control-Allow-Origin") != page || !strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "Authorization") ||
		!strings.Contains(w.Header().Get("Access-Control-Allow-Methods"), "PATCH") {
		t.Errorf("preflight: %v", w.Header())
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"401": g.ask(http.MethodGet, "/v1/accounts", "", origin(page)),
		"404": g.ask(http.MethodGet, "/nothing", "", origin(page)),
		"413": g.ask(http.MethodPost, "/v1/accounts", "", origin(page), func(r *http.Request) { r.ContentLength = 1 << 30 }),
	} {
		if w.Header().Get("Access-Control-Allow-Origin") != page || !strings.Contains(w.Header().Get("Access-Control-Expose-Headers"), "Retry-After") {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
	w = g.ask(http.MethodGet, "/ping", "", origin("https://evil.example.com"))
	if w.Header().Get("Access-Control-Allow-Origin") != "" || w.Header().Get("Vary") != "Origin" {
		t.Errorf("another page: %v", w.Header())
	}
	if w.Header().Get("X-Frame-Options") != "DENY" || w.Header().Get("Referrer-Policy") != "no-referrer" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("security headers: %v", w.Header())
	}
	all := newGateway(t, access.Config{CORSOrigins: access.Origins{"*"}})
	w = all.ask(http.MethodGet, "/ping", "", origin(page))
	if w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("all origins: %v", w.Header())
	}
}

func BenchmarkGuard(b *testing.B) {
	file := newKeyFile(b)
	key := file.add(apikey.Key{ID: "a", Scopes: caller.AllScopes})
	g := newGateway(b, access.Config{Mode: access.Required, KeysFile: file.path})
	open := newGateway(b, access.Config{})
	for name, handler := range map[string]http.Handler{"key": g.handler, "open": open.handler} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v1/accounts/1234", http.NoBody)
			b.ReportAllocs()
			for b.Loop() {
				r.Header = http.Header{"Authorization": {"Bearer " + key}}
				handler.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
