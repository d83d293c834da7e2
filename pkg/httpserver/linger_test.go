package httpserver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// oneConn is a listener of one connection, in memory.
type oneConn chan net.Conn

func (l oneConn) Accept() (net.Conn, error) {
	if conn, ok := <-l; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (l oneConn) Close() error   { close(l); return nil }
func (l oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// TestRefusedBodyIsReadForAWhile sends a megabyte in 2 seconds to handlers that
// refuse it at once.
func TestRefusedBodyIsReadForAWhile(t *testing.T) {
	const pieces, size = 20, 50_000
	for name, h := range map[string]http.HandlerFunc{
		"and closes": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			WriteError(w, r, ErrTooLarge)
		},
		"as it is":        func(w http.ResponseWriter, r *http.Request) { WriteError(w, r, ErrNoRoute) },
		"behind its back": func(w http.ResponseWriter, r *http.Request) { r.Body = http.NoBody; WriteError(w, r, ErrTooLarge) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewServer(0, h, zap.NewNop())
				listener := make(oneConn)
				go func() { _ = s.http.Serve(listener) }()
				defer func() { _ = s.http.Close() }()
				conn, far := net.Pipe()
				listener <- far

				answers := make(chan int, 1)
				go func() {
					defer close(answers)
					if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
						_, _ = io.Copy(io.Discard, res.Body)
						_ = res.Body.Close()
						answers <- res.StatusCode
						_, _ = io.Copy(io.Discard, conn)
					}
				}()
				if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", pieces*size); err != nil {
					t.Fatal(err)
				}
				for i := range pieces {
					if _, err := conn.Write(make([]byte, size)); err != nil {
						t.Fatalf("piece %d: %v", i, err)
					}
					time.Sleep(100 * time.Millisecond)
				}
				if status := <-answers; status < http.StatusBadRequest {
					t.Errorf("status %d", status)
				}
				time.Sleep(time.Minute) // the server closes the connection
			})
		})
	}
}

// TestRefusedBodyIsReadNoLonger sends a body that never ends.
func TestRefusedBodyIsReadNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(0, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			WriteError(w, r, ErrTooLarge)
		}), zap.NewNop())
		listener := make(oneConn)
		go func() { _ = s.http.Serve(listener) }()
		defer func() { _ = s.http.Close() }()
		conn, far := net.Pipe()
		listener <- far
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1099511627776\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for {
			if _, err := conn.Write(make([]byte, 1000)); err != nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		took := time.Since(begun)
		time.Sleep(time.Minute)
		if took < lingerTimeout || took > lingerTimeout+time.Second {
			t.Errorf("the connection was closed after %v", took)
		}
	})
}
