package edge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/httpserver"
)

func addresses(t testing.TB, urls ...string) Addresses {
	t.Helper()
	var a Addresses
	if err := a.UnmarshalText([]byte(strings.Join(urls, ","))); err != nil {
		t.Fatal(err)
	}
	return a
}

// front serves the edge over proxies to the upstream at the addresses.
func front(t *testing.T, urls ...string) (*httptest.Server, *Proxy) {
	t.Helper()
	p := NewProxy(addresses(t, urls...))
	s := httptest.NewServer(httpserver.Process(New(url.URL{}, p, p), zap.NewNop()))
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

func do(t *testing.T, r *http.Request) *http.Response {
	t.Helper()
	res, err := http.DefaultTransport.RoundTrip(r.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
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
	r := request(t, http.MethodPost, s.URL+"/v1/accounts/a%2Fb?x=%zz&y=1;2", strings.NewReader("content"))
	r.Header = http.Header{
		"User-Agent": nil, "Content-Type": {"text/plain"}, "X-Several": {"a", "b"}, "Te": {"trailers"},
		"Connection": {"X-Mine"}, "X-Mine": {"1"}, "Proxy-Authorization": {"secret"}, "Expect": {"100-continue"},
	}
	res := do(t, r)
	if got := text(t, res); res.StatusCode != http.StatusCreated || got != "made" || body != "content" {
		t.Errorf("answer %d %q, the service read %q", res.StatusCode, got, body)
	}
	if got, want := seen.RequestURI, "/v1/accounts/a%2Fb?x=%zz&y=1;2"; got != want {
		t.Errorf("the service sees %q, want %q", got, want)
	}
	id := res.Header.Get("X-Request-Id")
	if diff := cmp.Diff(http.Header{
		"Content-Length": {"7"}, "Content-Type": {"text/plain"}, "X-Several": {"a", "b"}, "Accept-Encoding": seen.Header["Accept-Encoding"],
		"X-Forwarded-Host": {strings.TrimPrefix(s.URL, "http://")}, "X-Forwarded-Proto": {"http"}, "X-Request-Id": {id},
	}, seen.Header); diff != "" {
		t.Errorf("request headers (-want +got):\n%s", diff)
	}
	res.Header.Del("Date")
	if diff := cmp.Diff(http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}, "X-Request-Id": {id}, "X-Several": {"a", "b"},
	}, res.Header); diff != "" {
		t.Errorf("answer headers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(http.Header{"X-Sum": {"42"}}, res.Trailer); diff != "" {
		t.Errorf("trailers (-want +got):\n%s", diff)
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
	if res := do(t, request(t, http.MethodHead, s.URL+"/v1/accounts/1", nil)); res.ContentLength != 1234 {
		t.Errorf("HEAD: Content-Length %d", res.ContentLength)
	}
	if res := do(t, request(t, http.MethodGet, s.URL+"/v1/accounts/1", nil)); res.StatusCode != http.StatusNotModified || res.Header.Get("ETag") != `"7"` {
		t.Errorf("GET: %d %v", res.StatusCode, res.Header)
	}
	if res := do(t, request(t, http.MethodDelete, s.URL+"/v1/accounts/2", nil)); res.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: %d", res.StatusCode)
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
		if got := text(t, do(t, r)); got != string(want) {
			t.Errorf("chunked %t: got %d bytes, want %d", chunked, len(got), len(want))
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
			p.transport.ResponseHeaderTimeout = 50 * time.Millisecond
			res := do(t, request(t, http.MethodGet, s.URL+"/v1/accounts/1", nil))
			problem(t, res, test.status, test.problem)
			if got := res.Header.Get("Retry-After"); test.status == http.StatusServiceUnavailable && got == "" {
				t.Error("no Retry-After")
			}
		})
	}
}

// garbage returns the address of something that speaks no HTTP.
func garbage(t *testing.T) string {
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
			_, _ = io.WriteString(conn, "220 mail.example.com ESMTP\r\n")
			_ = conn.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestProxyCutsOffAnAnswerThatBreaksOff(t *testing.T) {
	s, _ := front(t, upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(make([]byte, 50000))
		panic(http.ErrAbortHandler)
	}))
	res := do(t, request(t, http.MethodGet, s.URL+"/v1/accounts/1", nil))
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("the client takes the part for the whole")
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
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "POST /v1/audios HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n")
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	problem(t, res, http.StatusBadRequest, "malformed-request")
	_ = res.Body.Close()
}

func TestProxyPassesAnEarlyAnswer(t *testing.T) {
	s, _ := front(t, upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	body := make([]byte, 5<<20)
	for range 20 {
		r := request(t, http.MethodPost, s.URL+"/v1/accounts", bytes.NewReader(body))
		if res := do(t, r); res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Fatalf("status %d", res.StatusCode)
		}
	}

	// Nor does it wait for a client that has stopped sending.
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	stalled := request(t, http.MethodPost, s.URL+"/v1/accounts", r)
	if res := do(t, stalled); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("stalled: status %d", res.StatusCode)
	}
}

func TestProxyTakesTurnsAndLeavesOutAddressesThatRefuse(t *testing.T) {
	var a, b atomic.Int64
	count := func(n *atomic.Int64) string {
		return upstream(t, func(w http.ResponseWriter, r *http.Request) { n.Add(1); _, _ = io.Copy(w, r.Body) })
	}
	s, p := front(t, count(&a), refusing(t), count(&b))
	for range 30 {
		res := do(t, request(t, http.MethodPost, s.URL+"/v1/accounts", strings.NewReader("body")))
		if got := text(t, res); got != "body" {
			t.Fatalf("%d %q", res.StatusCode, got)
		}
	}
	if a.Load()+b.Load() != 30 || a.Load() < 5 || b.Load() < 5 {
		t.Errorf("requests: %d and %d", a.Load(), b.Load())
	}
	if p.balancer.addresses[1].ejectedUntil.Load() == 0 {
		t.Error("the address that refuses is not ejected")
	}
}

func TestBalancerPutsEjectedLastFor5Seconds(t *testing.T) {
	b := newBalancer(addresses(t, "http://a", "http://b"))
	b.addresses[0].eject()
	hosts := func() (hosts []string) {
		for _, a := range b.order() {
			hosts = append(hosts, a.host)
		}
		return hosts
	}
	for range 4 {
		if diff := cmp.Diff([]string{"b", "a"}, hosts()); diff != "" {
			t.Error(diff)
		}
	}
	if left := time.Until(time.Unix(0, b.addresses[0].ejectedUntil.Load())); left < 4*time.Second || left > 5*time.Second {
		t.Errorf("ejected for %s", left)
	}
	b.addresses[0].ejectedUntil.Store(time.Now().Add(-time.Millisecond).UnixNano())
	first := map[string]bool{}
	for range 4 {
		first[hosts()[0]] = true
	}
	if len(first) != 2 {
		t.Errorf("first come %v", first)
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

func TestProxyHoldsNothingBackOfAnEventStream(t *testing.T) {
	next := make(chan string)
	target := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		control := http.NewResponseController(w)
		for {
			if err := control.Flush(); err != nil {
				return
			}
			select {
			case event := <-next:
				_, _ = fmt.Fprintf(w, "data: %s\n\n", event)
			case <-r.Context().Done():
				return
			}
		}
	})
	p := NewProxy(addresses(t, target))
	server := httpserver.NewServer(0, New(url.URL{}, p, p), zap.NewNop())
	if err := server.Start(t.Context(), func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	res := do(t, request(t, http.MethodGet, "http://"+server.Addr()+"/v1/events/accounts", nil)) // returns before the first event
	in := bufio.NewReader(res.Body)
	for _, want := range []string{"one", "two"} {
		next <- want
		line, err := in.ReadString('\n')
		if err != nil || line != "data: "+want+"\n" {
			t.Fatalf("%q, %v", line, err)
		}
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Stop(t.Context()); err != nil { // must not wait for the stream
		t.Fatal(err)
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestProxyStreamOutlivesTheServersDeadlines(t *testing.T) {
	const deadline = 50 * time.Millisecond
	target := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		for start := time.Now(); time.Since(start) < 5*deadline; {
			if _, err := io.WriteString(w, "data: x\n\n"); err != nil || control.Flush() != nil {
				return
			}
			<-time.After(deadline / 10)
		}
		_, _ = io.WriteString(w, "data: end\n\n")
	})
	s := httptest.NewUnstartedServer(NewProxy(addresses(t, target)))
	s.Config.ReadTimeout, s.Config.WriteTimeout = deadline, deadline
	s.Start()
	t.Cleanup(s.Close)
	body, err := io.ReadAll(do(t, request(t, http.MethodGet, s.URL, nil)).Body)
	if err != nil || !strings.HasSuffix(string(body), "data: end\n\n") {
		t.Errorf("%v, %d bytes", err, len(body))
	}
}

func TestAddresses(t *testing.T) {
	for _, text := range []string{"", "accounts:8080", "http://", "ftp://a", "http://a/path", "http://a?q", "http://u:p@a", "http://a#f", "http://a,", "http://:8080", "http://a b"} {
		var a Addresses
		if err := a.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q passes as %v", text, a)
		}
	}
	var a Addresses
	if err := a.UnmarshalText([]byte("http://a:1, https://b/")); err != nil {
		t.Fatal(err)
	}
	if len(a) != 2 || a[0].Host != "a:1" || a[1].Host != "b" || a[1].Scheme != "https" {
		t.Errorf("%v", a)
	}
}

// BenchmarkProxy compares the proxy with the standard library's, given the same
// transport. Each request crosses two connections, and client and service run
// in the same process: read the difference, not the sum.
func BenchmarkProxy(b *testing.B) {
	body := []byte(strings.Repeat("x", 300))
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	defer service.Close()
	p := NewProxy(addresses(b, service.URL))
	defer p.transport.CloseIdleConnections()
	target := url.URL{Scheme: "http", Host: strings.TrimPrefix(service.URL, "http://")}
	for name, h := range map[string]http.Handler{
		"lean": p,
		"httputil": &httputil.ReverseProxy{
			Transport:  p.transport,
			BufferPool: bufferPool{},
			Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(&target); r.SetXForwarded() },
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r := httptest.NewRequest(http.MethodGet, "/v1/accounts/1234567890", http.NoBody)
					r.Header = http.Header{"User-Agent": {"x"}, "Accept": {"*/*"}, "X-Request-Id": {"abc"}}
					h.ServeHTTP(discard{http.Header{}}, r)
				}
			})
		})
	}
}

type bufferPool struct{}

func (bufferPool) Get() []byte  { return buffers.Get().(*[32 << 10]byte)[:] }
func (bufferPool) Put(b []byte) { buffers.Put((*[32 << 10]byte)(b)) }
