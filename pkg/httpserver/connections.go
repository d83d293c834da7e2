package httpserver

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Extend moves the deadlines of a request and its answer to d from now, for an
// answer that goes on for as long as its client takes part in it. A deadline is
// moved and never removed: a client may have promised a body that it does not
// send.
func Extend(control *http.ResponseController, d time.Duration) {
	deadline := time.Now().Add(d)
	_ = control.SetReadDeadline(deadline) // fails on some response writers of tests
	_ = control.SetWriteDeadline(deadline)
}

// spareConnections is how many connections are taken beyond the limit, for
// health checks alone.
const spareConnections = 16

// MaxConnections returns how many connections the process may have open to its
// clients: a third of its file descriptors. In a gateway, each can need another
// connection to a service. The rest is for databases and objects.
func MaxConnections() int64 { return max(descriptors()/3, spareConnections) }

// limitedListener counts the connections that it accepts. Those beyond the limit
// are marked, and those beyond the spare ones too are closed at once.
type limitedListener struct {
	net.Listener
	limit int64
	open  atomic.Int64
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		n := l.open.Add(1)
		if n > l.limit+spareConnections {
			l.open.Add(-1)
			_ = conn.Close()
			continue
		}
		return &countedConn{Conn: conn, listener: l, spare: n > l.limit}, nil
	}
}

type countedConn struct {
	net.Conn
	listener *limitedListener
	spare    bool // for health checks alone
	closed   sync.Once
}

func (c *countedConn) Close() error {
	c.closed.Do(func() { c.listener.open.Add(-1) })
	return c.Conn.Close()
}

type spareKey struct{}

// markSpare is http.Server.ConnContext.
func markSpare(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := conn.(*countedConn); ok && c.spare {
		return context.WithValue(ctx, spareKey{}, true)
	}
	return ctx
}

// isSpare reports whether a request came over a spare connection.
func isSpare(r *http.Request) bool { return r.Context().Value(spareKey{}) != nil }

// isHealth reports whether a request is a health check.
func isHealth(r *http.Request) bool {
	switch r.URL.Path {
	case "/livez", "/readyz", ReadyPath:
		return true
	}
	return false
}
