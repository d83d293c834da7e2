package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestProfileOfAnOperation(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI != "/debug/pprof/profile?seconds=4" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("profile"))
	}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	f := profiles{dir: t.TempDir(), port: port}
	if err := f.during(t.Context(), "get", load{warmUp: time.Second, length: 3 * time.Second})(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(f.dir, "get.pprof")); err != nil || string(got) != "profile" {
		t.Errorf("get.pprof = %q, %v", got, err)
	}
	if f.during(t.Context(), "get", load{warmUp: time.Second})() == nil {
		t.Error("a refused profile is no error")
	}
}
