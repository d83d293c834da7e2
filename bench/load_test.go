package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestClientReadsEveryFormOfAnswer(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	mux := http.NewServeMux()
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/none", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })
	mux.HandleFunc("/chunks", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, long)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, long)
	})
	mux.HandleFunc("/fails", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "why", http.StatusConflict) })
	server := httptest.NewServer(mux)
	defer server.Close()

	c, err := dial(t.Context(), server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	for _, path := range []string{"/empty", "/chunks", "/none", "/short", "/chunks", "/empty"} {
		if err := c.roundTrip(get([]byte("GET " + path))); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	if err := c.roundTrip(get([]byte("GET /fails"))); err == nil || !strings.Contains(err.Error(), "409") || !strings.Contains(err.Error(), "why") {
		t.Errorf("roundTrip of a 409 = %v, want its status and body", err)
	}
}

// The limit answers every request that a measurement sends it.
func TestLimitServesItsOperations(t *testing.T) {
	dir := t.TempDir()
	port, err := freePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serveLimit(ctx, port, dir) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	s := &side{program: program{name: "limit"}, server: &server{addr: "127.0.0.1:" + port}}
	if err := waitReady(t.Context(), s.server.addr); err != nil {
		t.Fatal(err)
	}
	if s.ids, err = s.create(t.Context(), 160); err != nil {
		t.Fatal(err)
	}
	s.pages = []string{"", "1"}
	c, err := dial(t.Context(), s.server.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	random := rand.New(rand.NewPCG(1, 2))
	for _, op := range operations {
		if op.limit == nil {
			continue
		}
		if err := c.roundTrip(op.limit(nil, s, random)); err != nil {
			t.Errorf("%s: %v", op.name, err)
		}
	}
}
