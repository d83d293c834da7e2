package edge

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// wire is a service that answers each request with exactly the bytes of answer.
type wire struct {
	answer      atomic.Value // string
	url         string
	connections atomic.Int64
	requests    atomic.Int64
}

func newWire(t *testing.T, answer string) *wire {
	t.Helper()
	s := new(wire)
	s.answer.Store(answer)
	s.url = listening(t, s.serve)
	return s
}

func (s *wire) serve(conn net.Conn) {
	s.connections.Add(1)
	r := bufio.NewReader(conn)
	for {
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		s.requests.Add(1)
		answer := s.answer.Load().(string)
		if _, err := io.WriteString(conn, answer); err != nil || strings.Contains(answer, "close\r\n") || strings.Contains(answer, "HTTP/1.0") {
			return
		}
	}
}

// ask returns the answer of p to a GET, or a HEAD, without its header.
func ask(p *Proxy, method string) (status int, body string) {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(method, "/v1/accounts/1", http.NoBody))
	return w.Code, w.Body.String()
}

// A connection serves the next request if the answer was whole, and nothing came
// after it.
func TestConnectionsServeSeveralRequests(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct {
		method, answer string
		status         int
		body           string
		connections    int64 // for three requests
	}{
		"length":               {"GET", ok + "Content-Length: 2\r\n\r\nhi", 200, "hi", 1},
		"chunks":               {"GET", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 200, "hi", 1},
		"trailers":             {"GET", ok + "Trailer: X-End\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-End: 1\r\n\r\n", 200, "hi", 1},
		"large":                {"GET", ok + "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000), 200, strings.Repeat("x", 100_000), 1},
		"empty":                {"GET", ok + "Content-Length: 0\r\n\r\n", 200, "", 1},
		"no content":           {"GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", 1},
		"not modified":         {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", 304, "", 1},
		"head":                 {"HEAD", ok + "Content-Length: 2\r\n\r\n", 200, "", 1},
		"hints before":         {"GET", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nhi", 200, "hi", 1},
		"closed by header":     {"GET", ok + "Connection: close\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", 3},
		"until the end":        {"GET", "HTTP/1.0 200 OK\r\n\r\nhi", 200, "hi", 3},
		"more than the answer": {"GET", ok + "Content-Length: 2\r\n\r\nhi" + ok + "Content-Length: 4\r\n\r\nevil", 200, "hi", 3},
		"a body for HEAD":      {"HEAD", ok + "Content-Length: 2\r\n\r\nhi", 200, "", 3},
		"upgrade":              {"GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", 502, "", 3},
		"long header":          {"GET", ok + "X: " + strings.Repeat("x", 70<<10) + "\r\n\r\n", 502, "", 3},
		"no status":            {"GET", "HTTP/1.1 099 X\r\nContent-Length: 43\r\n\r\n" + ok + "Content-Length: 5\r\n\r\nFAKED", 502, "", 3},
		"no HTTP":              {"GET", "220 mail.example.com ESMTP\r\n\r\n", 502, "", 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newWire(t, c.answer)
			p := NewProxy("service", addresses(t, s.url))
			t.Cleanup(p.transport.CloseIdleConnections)
			for range 3 {
				if status, body := ask(p, c.method); status != c.status || body != c.body && status < 500 {
					t.Fatalf("answered %d %.100q, want %d %.100q", status, body, c.status, c.body)
				}
			}
			if n := s.connections.Load(); n != c.connections {
				t.Errorf("%d connections for 3 requests, want %d", n, c.connections)
			}
		})
	}
}

// A request that cannot connect is sent on a connection that has become free.
func TestConnectionsThatBecomeFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := inMemory(t, func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) })
		dial, first := p.transport.DialContext, true
		p.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if first {
				first = false
				return dial(ctx, network, address)
			}
			time.Sleep(connectTimeout)
			return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
		}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if w, _ := serve(p, get()); w.Code != http.StatusOK {
					t.Errorf("answered %d: %s", w.Code, w.Body)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
	})
}

// A request is not repeated after its answer has begun.
func TestAnswersThatBreakOffOnAKeptConnection(t *testing.T) {
	s := newWire(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
	p := NewProxy("service", addresses(t, s.url))
	t.Cleanup(p.transport.CloseIdleConnections)
	if status, _ := ask(p, "GET"); status != http.StatusOK {
		t.Fatalf("answered %d", status)
	}
	s.answer.Store("HTTP/1.1 200 OK\r\nConnection: close\r\nX: ")
	if status, _ := ask(p, "GET"); status != http.StatusBadGateway || s.requests.Load() != 2 {
		t.Errorf("answered %d after %d requests", status, s.requests.Load())
	}
}

// What a service sends unasked is not the answer to the next request.
func TestAnAnswerBeforeItsRequest(t *testing.T) {
	var connections atomic.Int64
	answered, sent := make(chan struct{}), make(chan struct{})
	url := listening(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		_, _ = http.ReadRequest(r)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
		if connections.Add(1) == 1 {
			<-answered
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
			close(sent)
		}
		_, _ = http.ReadRequest(r)
	})
	p := NewProxy("service", addresses(t, url))
	t.Cleanup(p.transport.CloseIdleConnections)
	if status, body := ask(p, "GET"); status != http.StatusOK || body != "mine" {
		t.Fatalf("answered %d %q", status, body)
	}
	close(answered)
	<-sent
	if status, body := ask(p, "GET"); status != http.StatusOK || body != "mine" {
		t.Errorf("answered %d %q", status, body)
	}
}

// A service that was restarted has closed the connections that were kept.
func TestKeptConnectionsThatTheServiceClosed(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hi") }))
	t.Cleanup(s.Close)
	p := NewProxy("service", addresses(t, s.URL))
	t.Cleanup(p.transport.CloseIdleConnections)
	for range 3 {
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if status, body := ask(p, "GET"); status != http.StatusOK || body != "hi" {
					t.Errorf("answered %d %q", status, body)
				}
			})
		}
		wg.Wait()
		s.CloseClientConnections()
	}
}

// A service may close a kept connection while a request is on its way.
func TestKeptConnectionsThatTheServiceCloses(t *testing.T) {
	p := NewProxy("service", addresses(t, listening(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		_, _ = http.ReadRequest(r)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
		_, _ = http.ReadRequest(r)
	})))
	t.Cleanup(p.transport.CloseIdleConnections)
	for range 5 {
		if status, body := ask(p, "GET"); status != http.StatusOK || body != "hi" {
			t.Errorf("answered %d %q", status, body)
		}
	}
}

func TestConnectionsOfAbandonedRequestsAreClosed(t *testing.T) {
	for name, abandon := range map[string]func(res *http.Response, leave func()){
		"the client has left":  func(_ *http.Response, leave func()) { leave() },
		"the body is not read": func(res *http.Response, _ func()) { _ = res.Body.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			closed := make(chan struct{})
			p := NewProxy("service", addresses(t, upstream(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "begin")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
				close(closed)
			})))
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/accounts/1", http.NoBody)
			out, _ := outbound(r)
			res, err := p.roundTrip(out)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			abandon(res, leave)
			<-closed
			if _, err := io.ReadAll(res.Body); err == nil {
				t.Error("the body ended regularly")
			}
		})
	}
}

func TestUnusedConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := inMemory(t, ok)
		var open atomic.Int64
		dial := p.transport.DialContext
		p.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			open.Add(1)
			return &counted{Conn: conn, open: &open}, err
		}
		p.transport.MaxIdleConnsPerHost = 3
		for range 2 {
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() { serve(p, get()) })
			}
			wg.Wait()
			synctest.Wait()
			if n := open.Load(); n == 0 || n > 3 {
				t.Errorf("%d connections are kept, want at most 3", n)
			}
			time.Sleep(idleTimeout - time.Millisecond)
			synctest.Wait()
			if open.Load() == 0 {
				t.Error("the connections are closed before their time")
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if n := open.Load(); n != 0 {
				t.Errorf("%d connections are open that nobody used for %v", n, idleTimeout)
			}
		}
	})
}

type counted struct {
	net.Conn
	once sync.Once
	open *atomic.Int64
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// Clients that leave at any moment disturb nobody else's answer.
func TestConnectionsAmongClientsThatLeave(t *testing.T) {
	p := NewProxy("service", addresses(t, upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat(r.URL.Query().Get("name"), 1000))
	})))
	t.Cleanup(p.transport.CloseIdleConnections)
	var wg sync.WaitGroup
	for client := range 16 {
		wg.Go(func() {
			for n := range 100 {
				ctx, leave := context.WithCancel(t.Context())
				name := fmt.Sprintf("<%d-%d>", client, n)
				if client%2 == 0 {
					time.AfterFunc(time.Duration(n)*10*time.Microsecond, leave)
				}
				out, _ := outbound(httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/accounts/1?name="+name, http.NoBody))
				res, err := p.roundTrip(out)
				if err == nil {
					var body []byte
					if body, err = io.ReadAll(res.Body); err == nil && string(body) != strings.Repeat(name, 1000) {
						t.Errorf("%s is answered %.100q", name, body)
					}
					_ = res.Body.Close()
				}
				if err != nil && (client%2 == 1 || !errors.Is(ctx.Err(), context.Canceled)) {
					t.Errorf("%s: %v", name, err)
				}
				leave()
			}
		})
	}
	wg.Wait()
}

// Connections for reading and for writing are kept apart. Before they are too many,
// unused ones are closed.
func TestUnusedConnectionsMakeRoom(t *testing.T) {
	const clients = 8
	together := make(chan struct{}) // as many requests as there are clients are under way
	var waiting sync.WaitGroup
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		waiting.Done()
		<-together
	}))
	defer service.Close()
	p := NewProxy("accounts", addresses(t, service.URL))
	p.transport.many = clients
	defer p.transport.CloseIdleConnections()
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodGet} {
		together = make(chan struct{})
		waiting.Add(clients)
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				w := httptest.NewRecorder()
				var body io.Reader = http.NoBody
				if method == http.MethodPut {
					body = strings.NewReader("{}")
				}
				p.ServeHTTP(w, httptest.NewRequest(method, "/v1/accounts/1", body))
				if w.Code != http.StatusOK {
					t.Errorf("%s: %d: %s", method, w.Code, w.Body)
				}
			})
		}
		waiting.Wait()
		close(together)
		all.Wait()
		if n := p.transport.open.Load(); n > clients {
			t.Errorf("%d connections are open after %s, want at most %d", n, method, clients)
		}
	}
}
