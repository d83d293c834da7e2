//go:build cloud

package e2e

import (
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// backend stands between the services and an emulator, and can fail.
type backend struct {
	net.Listener
	emulator string
	requests atomic.Int64 // that went over HTTP/2

	mu      sync.Mutex
	carries sync.Cond // signalled when data has been passed on
	hangs   bool
	refuses bool
	conns   map[net.Conn]bool
}

// newBackend returns one before the emulator whose address is in variable.
func newBackend(t *testing.T, variable string) *backend {
	t.Helper()
	emulator := strings.TrimPrefix(os.Getenv(variable), "http://")
	if emulator == "" {
		t.Fatalf("%s is not set: run \"make test-cloud\", which starts the emulators", variable)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{Listener: listener, emulator: emulator, conns: map[net.Conn]bool{}}
	b.carries.L = &b.mu
	t.Cleanup(func() { _ = listener.Close(); b.refuse() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go b.serve(conn)
		}
	}()
	return b
}

func (b *backend) address() string { return b.Addr().String() }

func (b *backend) serve(conn net.Conn) {
	defer conn.Close()
	emulator, err := net.Dial("tcp", b.emulator)
	if err != nil {
		return
	}
	defer emulator.Close()
	b.mu.Lock()
	if b.refuses {
		b.mu.Unlock()
		return
	}
	b.conns[conn] = true
	b.mu.Unlock()
	go b.carry(emulator, io.TeeReader(conn, &frames{skip: len(preface), requests: &b.requests}))
	b.carry(conn, emulator)
	b.mu.Lock()
	delete(b.conns, conn)
	b.mu.Unlock()
}

func (b *backend) carry(to net.Conn, from io.Reader) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		b.mu.Lock()
		for b.hangs {
			b.carries.Wait()
		}
		b.mu.Unlock()
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// preface is the beginning of an HTTP/2 connection.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// frames counts the requests that a client writes to an HTTP/2 connection: each
// begins with a HEADERS frame.
type frames struct {
	skip     int    // bytes to the next frame
	head     []byte // of that frame, so far
	requests *atomic.Int64
}

func (f *frames) Write(p []byte) (int, error) {
	const headLength, headers = 9, 1
	n := len(p)
	for len(p) > 0 {
		if k := min(f.skip, len(p)); k > 0 {
			f.skip, p = f.skip-k, p[k:]
			continue
		}
		k := min(headLength-len(f.head), len(p))
		f.head, p = append(f.head, p[:k]...), p[k:]
		if len(f.head) < headLength {
			break
		}
		if f.head[3] == headers {
			f.requests.Add(1)
		}
		f.skip = int(f.head[0])<<16 | int(f.head[1])<<8 | int(f.head[2])
		f.head = f.head[:0]
	}
	return n, nil
}

// refuse ends all connections and takes no more.
func (b *backend) refuse() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuses, b.hangs = true, false
	b.carries.Broadcast()
	for conn := range b.conns {
		_ = conn.Close()
	}
}

// hang takes connections and carries nothing.
func (b *backend) hang() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hangs = true
}

// restore ends refuse and hang.
func (b *backend) restore() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuses, b.hangs = false, false
	b.carries.Broadcast()
}
