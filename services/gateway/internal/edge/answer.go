package edge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/concha-labs/backend/pkg/httpserver"
)

const (
	// answerIdle is how long an answer that has begun may pause. An event
	// stream has a heartbeat every 15 s.
	answerIdle = 35 * time.Second
	// takeTimeout is how long a service may go without reading a body.
	takeTimeout = 35 * time.Second
)

// copying is the state of copying the body of an answer.
type copying struct {
	buf  [32 << 10]byte
	body io.Closer
	idle *time.Timer // closes body
}

func newCopying() any {
	c := new(copying)
	c.idle = time.AfterFunc(answerIdle, func() { _ = c.body.Close() })
	c.idle.Stop()
	return c
}

// clientError is the error of a client that does not read its answer.
type clientError struct{ error }

// copyBody copies the body of an answer. It does not use io.Copy, which sends
// the headers in a packet of their own.
func (p *Proxy) copyBody(w io.Writer, body io.ReadCloser) error {
	if body == http.NoBody {
		return nil
	}
	c := p.copies.Get().(*copying)
	c.body = body
	for {
		c.idle.Reset(answerIdle) // a slow client does not count
		n, err := body.Read(c.buf[:])
		if !c.idle.Stop() {
			return context.DeadlineExceeded // c is not reused, because its timer may still be running
		}
		if n > 0 {
			if _, failed := w.Write(c.buf[:n]); failed != nil {
				err = clientError{failed}
			}
		}
		if err != nil {
			c.body = nil
			p.copies.Put(c)
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

func mediaType(h http.Header) string {
	t, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// stream copies a body of unlimited length. It sends each piece at once and has
// no deadline. It ends the answer regularly when the process is about to stop.
func (p *Proxy) stream(w http.ResponseWriter, r *http.Request, body io.ReadCloser) error {
	out := unhurried(w)
	if err := out.flush(); err != nil { // the first event may take long
		return clientError{err}
	}
	ended := make(chan struct{})
	defer close(ended)
	stopping := httpserver.Stopping(r.Context())
	go func() {
		select {
		case <-stopping:
			_ = body.Close() // ends the current Read
		case <-ended:
		}
	}()
	err := p.copyBody(out, body)
	select {
	case <-stopping:
		return nil
	default:
		return err
	}
}

// unhurried returns a writer without the server's deadlines, as long as the
// client keeps reading.
func unhurried(w http.ResponseWriter) *flushed {
	out := &flushed{w: w, control: http.NewResponseController(w)}
	httpserver.Extend(out.control, streamStall)
	return out
}

// flushed sends each write at once.
type flushed struct {
	w       io.Writer
	control *http.ResponseController
}

func (f *flushed) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err != nil {
		return n, err
	}
	return n, f.flush()
}

func (f *flushed) flush() error {
	httpserver.Extend(f.control, streamStall)
	return f.control.Flush()
}

// bounded returns a dial function whose connections fail a write that takes
// longer than takeTimeout. If many are open, unused ones are closed first: those of t
// and those of http.Transport together could otherwise be more than a service takes
// that has as few file descriptors as this process.
func (t *transport) bounded(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if t.open.Load() >= t.many {
			t.CloseIdleConnections()
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		t.open.Add(1)
		return &boundedConn{Conn: conn, open: &t.open}, nil
	}
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// boundedConn sets a deadline only for writes larger than the transport's
// buffer. Smaller requests are sent whole without blocking.
type boundedConn struct {
	net.Conn
	limited bool
	open    *atomic.Int64
	closed  atomic.Bool
}

func (c *boundedConn) Close() error {
	if !c.closed.Swap(true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

const collected = 4 << 10

// SyscallConn implements syscall.Conn.
func (c *boundedConn) SyscallConn() (syscall.RawConn, error) {
	conn, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return conn.SyscallConn()
}

func (c *boundedConn) Write(p []byte) (int, error) {
	if c.limited = c.limited || len(p) >= collected; c.limited {
		if err := c.SetWriteDeadline(time.Now().Add(takeTimeout)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}
