//go:build cloud

package main

import (
	"net"
	"os"
	"strings"
	"sync"
	"testing"
)

// backend stands between the services and an emulator, and can fail.
type backend struct {
	net.Listener
	emulator string

	mu      sync.Mutex
	carries sync.Cond // what is read is passed on
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
	go b.carry(emulator, conn)
	b.carry(conn, emulator)
	b.mu.Lock()
	delete(b.conns, conn)
	b.mu.Unlock()
}

func (b *backend) carry(to, from net.Conn) {
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
