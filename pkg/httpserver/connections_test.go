package httpserver

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"
)

// A process that has as many connections as it can take still answers health
// checks, and takes others again when connections end.
func TestConnectionsBeyondTheLimit(t *testing.T) {
	engine := NewEngine()
	Health(engine, map[string]func(context.Context) error{})
	Get(engine, "/", func(*gin.Context) {})
	s := NewServer(0, engine, zap.NewNop())
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limited := &limitedListener{Listener: listener, limit: 2}
	go func() {
		if err := s.http.Serve(limited); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { _ = s.http.Close() })
	ask := func(path string) (status int, conn net.Conn) {
		t.Helper()
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return 0, conn
		}
		_ = resp.Body.Close()
		return resp.StatusCode, conn
	}
	var open []net.Conn
	for range 2 {
		status, conn := ask("/")
		if open = append(open, conn); status != http.StatusOK {
			t.Fatalf("status %d within the limit", status)
		}
	}
	for path, want := range map[string]int{"/": http.StatusServiceUnavailable, "/livez": http.StatusOK, "/readyz": http.StatusOK} {
		status, conn := ask(path)
		_ = conn.Close()
		if status != want {
			t.Errorf("%s beyond the limit: %d, want %d", path, status, want)
		}
	}
	for _, conn := range open {
		_ = conn.Close()
	}
	for range 1000 {
		status, conn := ask("/")
		_ = conn.Close()
		if status == http.StatusOK {
			return
		}
	}
	t.Error("no connection is taken after others have ended")
}
