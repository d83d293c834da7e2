package httpserver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// oneConn is an in-memory listener for one connection.
type oneConn chan net.Conn

func (l oneConn) Accept() (net.Conn, error) {
	if conn, ok := <-l; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (l oneConn) Close() error   { close(l); return nil }
func (l oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// dial returns a connection to a server of h, which ends with the test.
func dial(t *testing.T, h http.HandlerFunc) net.Conn {
	s := NewServer(0, h, zap.NewNop())
	listener := make(oneConn)
	go func() { _ = s.http.Serve(listener) }()
	t.Cleanup(func() { _ = s.http.Close() })
	conn, far := net.Pipe()
	listener <- far
	return conn
}

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
				conn := dial(t, h)
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
				time.Sleep(time.Minute) // until the server closes the connection
			})
		})
	}
}

// TestRefusedBodyIsReadNoLonger sends a body that never ends.
func TestRefusedBodyIsReadNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := dial(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			WriteError(w, r, ErrTooLarge)
		})
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

// TestRefusalDoesNotWaitForItsBody sends a part of a body that net/http would
// read completely before it sends an answer. The rest arrives in time, or
// never.
func TestRefusalDoesNotWaitForItsBody(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
	for name, size := range map[string]int{"a short answer": 10, "an answer longer than what is buffered": 20_000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, answers := dialRefuser(t, size)
				if _, err := io.WriteString(conn, head+"abc"); err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				if status := <-answers; status != http.StatusNotFound || time.Since(begun) > 0 {
					t.Errorf("status %d after %v", status, time.Since(begun))
				}
				time.Sleep(lingerTimeout - time.Second)
				if _, err := conn.Write(make([]byte, 4997)); err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(conn, head+"abc"); err != nil {
					t.Fatalf("the connection is not used again: %v", err)
				}
				begun = time.Now()
				if status := <-answers; status != http.StatusNotFound || time.Since(begun) > 0 {
					t.Errorf("second: status %d after %v", status, time.Since(begun))
				}
				if _, ok := <-answers; ok || time.Since(begun) != lingerTimeout {
					t.Errorf("the connection is closed after %v: %v", time.Since(begun), !ok)
				}
			})
		})
	}
}

// dialRefuser returns a connection to a server that answers everything with a
// problem of about this size, and the statuses of its answers until it closes.
func dialRefuser(t *testing.T, size int) (conn net.Conn, answers <-chan int) {
	conn = dial(t, func(w http.ResponseWriter, r *http.Request) {
		WriteError(w, r, ErrNoRoute.Detailf("%s", strings.Repeat("x", size)))
	})
	statuses := make(chan int)
	go func() {
		defer close(statuses)
		for r := bufio.NewReader(conn); ; {
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			statuses <- res.StatusCode
		}
	}()
	return conn, statuses
}
