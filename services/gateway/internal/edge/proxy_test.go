package edge

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/gateway/internal/classic"
)

func addresses(t testing.TB, urls ...string) Addresses {
	t.Helper()
	var a Addresses
	if err := a.UnmarshalText([]byte(strings.Join(urls, ","))); err != nil {
		t.Fatal(err)
	}
	return a
}

// front serves the edge over proxies to the addresses.
func front(t *testing.T, urls ...string) (*httptest.Server, *Proxy) {
	t.Helper()
	p := NewProxy("service", addresses(t, urls...))
	s := httptest.NewServer(httpserver.Process(New(Config{Accounts: p, Audios: p}), zap.NewNop()))
	t.Cleanup(s.Close)
	t.Cleanup(p.transport.CloseIdleConnections)
	return s, p
}

func upstream(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// refusing returns an address that accepts no connection.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return "http://" + l.Addr().String()
}

func do(t *testing.T, r *http.Request) answer {
	t.Helper()
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return read(res)
}

func request(t *testing.T, method, target string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestProxyPassesBothWays(t *testing.T) {
	var seen *http.Request
	var body string
	s, _ := front(t, upstream(t, func(w http.ResponseWriter, r *http.Request) {
		seen, body = r, func() string { b, _ := io.ReadAll(r.Body); return string(b) }()
		w.Header()["X-Request-Id"] = r.Header["X-Request-Id"]
		w.Header()["X-Several"] = []string{"a", "b"}
		w.Header().Set("Connection", "X-Hop")
		w.Header().Set("X-Hop", "secret")
		w.Header().Set("Keep-Alive", "timeout=5")
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "made")
		w.Header().Set("X-Sum", "42")
	}))
	r := request(t, http.MethodPut, s.URL+"/v1/accounts/a%2Fb?x=%zz&y=1;2", strings.NewReader("content"))
	r.Header = http.Header{
		"User-Agent": nil, "Content-Type": {"text/plain"}, "X-Several": {"a", "b"}, "Te": {"trailers"},
		"Connection": {"X-Mine"}, "X-Mine": {"1"}, "Proxy-Authorization": {"secret"}, "Expect": {"100-continue"},
	}
	res := do(t, r)
	if res.status != http.StatusCreated || res.body != "made" || body != "content" {
		t.Errorf("answer %d %q, the service read %q", res.status, res.body, body)
	}
	if got, want := seen.RequestURI, "/v1/accounts/a%2Fb?x=%zz&y=1;2"; got != want {
		t.Errorf("the service sees %q, want %q", got, want)
	}
	id := res.header.Get("X-Request-Id")
	if diff := cmp.Diff(http.Header{
		"Content-Length": {"7"}, "Content-Type": {"text/plain"}, "X-Several": {"a", "b"}, "Accept-Encoding": seen.Header["Accept-Encoding"],
		"X-Forwarded-For":  {"127.0.0.1"},
		"X-Forwarded-Host": {strings.TrimPrefix(s.URL, "http://")}, "X-Forwarded-Proto": {"http"}, "X-Request-Id": {id},
	}, seen.Header); diff != "" {
		t.Errorf("request headers (-want +got):\n%s", diff)
	}
	res.header.Del("Date")
	if diff := cmp.Diff(http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}, "X-Request-Id": {id}, "X-Several": {"a", "b"},
		"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
		"Cross-Origin-Resource-Policy": {"same-origin"}, "Referrer-Policy": {"no-referrer"},
	}, res.header); diff != "" {
		t.Errorf("answer headers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(http.Header{"X-Sum": {"42"}}, res.trailer); diff != "" {
		t.Errorf("trailers (-want +got):\n%s", diff)
	}
}

func TestProxyAddsToWhatTheEdgeVariesBy(t *testing.T) {
	for service, want := range map[string][]string{"Accept": {"Accept-Encoding", "Accept"}, "": {"Accept-Encoding"}} {
		p := NewProxy("service", addresses(t, upstream(t, func(w http.ResponseWriter, _ *http.Request) {
			if service != "" {
				w.Header().Set("Vary", service)
			}
		})))
		t.Cleanup(p.transport.CloseIdleConnections)
		h, err := Compress(p)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/events/accounts", http.NoBody))
		if diff := cmp.Diff(want, w.Header()["Vary"]); diff != "" {
			t.Errorf("the service varies by %q (-want +got):\n%s", service, diff)
		}
	}
}

func TestProxyPassesAnswersWithoutBody(t *testing.T) {
	s, _ := front(t, upstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodHead:
			w.Header().Set("Content-Length", "1234")
		case r.URL.Path == "/v1/accounts/1":
			w.Header().Set("ETag", `"7"`)
			w.WriteHeader(http.StatusNotModified)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	if res := do(t, request(t, http.MethodHead, s.URL+"/v1/accounts/1", nil)); res.header.Get("Content-Length") != "1234" {
		t.Errorf("HEAD: headers %v", res.header)
	}
	if res := do(t, request(t, http.MethodGet, s.URL+"/v1/accounts/1", nil)); res.status != http.StatusNotModified || res.header.Get("ETag") != `"7"` {
		t.Errorf("GET: %d %v", res.status, res.header)
	}
	if res := do(t, request(t, http.MethodDelete, s.URL+"/v1/accounts/2", nil)); res.status != http.StatusNoContent {
		t.Errorf("DELETE: %d", res.status)
	}
}

func TestProxyStreamsLargeBodies(t *testing.T) {
	s, _ := front(t, upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	want := bytes.Repeat([]byte("0123456789abcdef"), 5<<20/16)
	for _, chunked := range []bool{false, true} {
		r := request(t, http.MethodPut, s.URL+"/v1/accounts/1/image", bytes.NewReader(want))
		if chunked {
			r.ContentLength = -1
		}
		if got := do(t, r); got.body != string(want) {
			t.Errorf("chunked %t: got %d bytes, want %d", chunked, len(got.body), len(want))
		}
	}
}

func TestProxyFailures(t *testing.T) {
	hangUp := upstream(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	never := upstream(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	upgrade := upstream(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusSwitchingProtocols) })
	for name, test := range map[string]struct {
		address, problem string
		status           int
	}{
		"refused":     {refusing(t), "unavailable", http.StatusServiceUnavailable},
		"hung up":     {hangUp, "bad-upstream", http.StatusBadGateway},
		"not HTTP":    {garbage(t), "bad-upstream", http.StatusBadGateway},
		"no answer":   {never, "upstream-timeout", http.StatusGatewayTimeout},
		"an upgrade":  {upgrade, "bad-upstream", http.StatusBadGateway},
		"unknown":     {"http://nowhere.invalid", "unavailable", http.StatusServiceUnavailable},
		"speaks http": {strings.Replace(hangUp, "http:", "https:", 1), "bad-upstream", http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			s, p := front(t, test.address)
			if test.problem == "upstream-timeout" {
				p.transport.ResponseHeaderTimeout = 50 * time.Millisecond
			}
			res := do(t, request(t, http.MethodGet, s.URL+"/v1/accounts/1", nil))
			problem(t, res, test.status, test.problem)
			if got := res.header.Get("Retry-After"); test.status == http.StatusServiceUnavailable && got == "" {
				t.Error("no Retry-After")
			}
		})
	}
}

// listening returns the address of a server that calls serve for each connection,
// and closes it afterwards.
func listening(t *testing.T, serve func(conn net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// garbage returns the address of a server that does not speak HTTP.
func garbage(t *testing.T) string {
	t.Helper()
	return listening(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "220 mail.example.com ESMTP\r\n") })
}

func TestProxyCutsOffAnAnswerThatBreaksOff(t *testing.T) {
	s, _ := front(t, upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(make([]byte, 50000))
		panic(http.ErrAbortHandler)
	}))
	res := do(t, request(t, http.MethodGet, s.URL+"/v1/accounts/1", nil))
	if res.err == nil {
		t.Error("the client takes the part for the whole")
	}
}

// A service whose answer breaks off before the handler in front has begun its
// own, as on the classic paths, is reported.
func TestProxyTellsOfAnAnswerThatBreaksOffInTime(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	p := NewProxy("service", addresses(t, upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"id":1`)
		panic(http.ErrAbortHandler)
	})))
	t.Cleanup(p.transport.CloseIdleConnections)
	e := httpserver.NewEngine()
	classic.Register(e, "", p, p)
	s := httptest.NewServer(httpserver.Process(e, zap.New(core)))
	t.Cleanup(s.Close)
	problem(t, do(t, request(t, http.MethodGet, s.URL+"/accounts/1", nil)), http.StatusBadGateway, "bad-upstream")
	lines := logs.TakeAll()
	if len(lines) != 1 {
		t.Fatalf("log %v, want one line", lines)
	}
	if fields := lines[0].ContextMap(); !strings.Contains(fmt.Sprint(fields["error"]), "gave no valid answer: EOF") {
		t.Errorf("log %v", fields)
	}
}

func TestProxyBoundsChunkedBodies(t *testing.T) {
	s, _ := front(t, upstream(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	r := request(t, http.MethodPut, s.URL+"/v1/accounts/1/image", bytes.NewReader(make([]byte, maxBody+1)))
	r.ContentLength = -1
	problem(t, do(t, r), http.StatusRequestEntityTooLarge, "payload-too-large")
}

func TestProxyTellsABrokenBodyFromABrokenService(t *testing.T) {
	s, _ := front(t, upstream(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	for name, request := range map[string]string{
		"broken chunk": "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n",
		"half a body":  "Content-Length: 10\r\n\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, "POST /v1/audios HTTP/1.1\r\nHost: x\r\n"+request); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil { // the answer can still be read
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			problem(t, read(res), http.StatusBadRequest, "malformed-request")
		})
	}
}

// A request that no client can send is not a failure of the service, which is
// not ejected for it.
func TestProxyTellsAnOddRequestFromABrokenService(t *testing.T) {
	s, p := front(t, upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	t.Run("trailer", func(t *testing.T) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, "POST /v1/audios HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-A, not a name\r\n\r\n2\r\nhi\r\n0\r\nX-A: 1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if a := read(res); a.status != http.StatusOK || a.body != "hi" {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("method", func(t *testing.T) { // in HTTP/2, where net/http accepts it
		for _, path := range []string{"/v1/audios", "/v1/events/accounts", "/v1/accounts/1"} {
			r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			r.Method = "NO METHOD"
			w := httptest.NewRecorder()
			s.Config.Handler.ServeHTTP(w, r)
			problem(t, read(w.Result()), http.StatusBadRequest, "malformed-request")
		}
	})
	if p.balancer.addresses[0].suspect.Load() {
		t.Error("the service is taken for a broken one")
	}
}

func TestProxyPassesAnEarlyAnswer(t *testing.T) {
	s, _ := front(t, upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	body := make([]byte, 5<<20)
	for range 20 {
		r := request(t, http.MethodPost, s.URL+"/v1/accounts", bytes.NewReader(body))
		if res := do(t, r); res.status != http.StatusRequestEntityTooLarge {
			t.Fatalf("status %d", res.status)
		}
	}

	// Nor does it wait for a client that has stopped sending.
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	stalled := request(t, http.MethodPost, s.URL+"/v1/accounts", r)
	if res := do(t, stalled); res.status != http.StatusRequestEntityTooLarge {
		t.Errorf("stalled: status %d", res.status)
	}
}

func TestProxyLeavesRepeatingToTheClient(t *testing.T) {
	var calls atomic.Int64
	hangUp := func(_ http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}
	s, _ := front(t, upstream(t, hangUp), upstream(t, hangUp))
	problem(t, do(t, request(t, http.MethodPost, s.URL+"/v1/accounts", strings.NewReader("{}"))), http.StatusBadGateway, "bad-upstream")
	if got := calls.Load(); got != 1 {
		t.Errorf("a POST was sent %d times", got)
	}
}

func TestProxyTellsTheServiceThatTheClientLeft(t *testing.T) {
	began, left := make(chan struct{}), make(chan struct{})
	s, _ := front(t, upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(left)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	r := request(t, http.MethodGet, s.URL+"/v1/events/accounts", nil).WithContext(ctx)
	if res, err := http.DefaultTransport.RoundTrip(r); err == nil {
		_ = res.Body.Close()
		t.Fatal("an answer")
	}
	<-left
}
