package edge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concha-labs/backend/pkg/httpserver"
)

// TestProxyClosesIdleConnectionsFirst leaves one connection that was used and
// one that was not. If the service closed either of them, it might do so while
// a request is sent on it, and a POST must not be repeated.
func TestProxyClosesIdleConnectionsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewProxy("service", addresses(t, "http://service"))
		listener := pipes(make(chan net.Conn))
		service := &http.Server{
			ReadHeaderTimeout: httpserver.ReadHeaderTimeout,
			Handler:           http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Second) }),
		}
		go func() { _ = service.Serve(listener) }()
		defer func() { _ = service.Close() }()

		var opened []*watchedConn
		p.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			time.Sleep(time.Second)
			near, far := net.Pipe()
			listener <- far
			conn := &watchedConn{Conn: near}
			opened = append(opened, conn)
			return conn, nil
		}
		// The second request finds no free connection, and is sent on the first
		// one before its own is established.
		var wg sync.WaitGroup
		for _, delay := range []time.Duration{0, 2500 * time.Millisecond} {
			wg.Go(func() {
				time.Sleep(delay)
				w := httptest.NewRecorder()
				p.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/accounts", http.NoBody))
				if w.Code != http.StatusOK {
					t.Errorf("answered %d: %s", w.Code, w.Body)
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(opened) != 2 || opened[0].written == 0 || opened[1].written != 0 {
			t.Fatalf("not one used and one unused connection: %+v", opened)
		}
		for i, conn := range opened {
			if !conn.closed || conn.hungUp {
				t.Errorf("connection %d: closed by the proxy %t, by the service before %t", i, conn.closed, conn.hungUp)
			}
		}
	})
}

// pipes is an in-memory listener.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, open := <-p
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// watchedConn records which side closes it.
type watchedConn struct {
	net.Conn
	mu      sync.Mutex
	written int
	closed  bool
	hungUp  bool // closed by the other side while it was open
}

func (c *watchedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hungUp = c.hungUp || !c.closed && errors.Is(err, io.EOF)
	return n, err
}

func (c *watchedConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.written += len(b)
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *watchedConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	return c.Conn.Close()
}
