package httpserver_test

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/concha-labs/backend/pkg/httpserver"
)

func TestRunReady(t *testing.T) {
	var broken error
	e := httpserver.NewEngine()
	httpserver.Health(e, map[string]func(context.Context) error{"database": func(context.Context) error { return broken }})
	server := httptest.NewServer(e)
	_, text, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	if code := httpserver.RunReady(port); code != 0 {
		t.Errorf("exit code %d of a ready process, want 0", code)
	}
	broken = errors.New("down")
	if code := httpserver.RunReady(port); code != 0 {
		t.Errorf("exit code %d, want the result of the last second again", code)
	}
	fresh := httpserver.NewEngine()
	httpserver.Health(fresh, map[string]func(context.Context) error{"database": func(context.Context) error { return broken }})
	server.Config.Handler = fresh
	if code := httpserver.RunReady(port); code != 1 {
		t.Errorf("exit code %d of a process that is not ready, want 1", code)
	}
	server.Close()
	if code := httpserver.RunReady(port); code != 1 {
		t.Errorf("exit code %d of no process, want 1", code)
	}
}
