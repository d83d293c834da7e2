package httpserver_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

func TestAProcessThatBecomesReadySaysSoSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		engine := httpserver.NewEngine()
		httpserver.Health(engine, map[string]func(context.Context) error{"database": func(context.Context) error {
			if time.Since(begun) < 5*time.Millisecond {
				return errors.New("it is being opened")
			}
			return nil
		}})
		for ready := false; !ready; time.Sleep(time.Millisecond) {
			w := httptest.NewRecorder()
			engine.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
			ready = w.Code == http.StatusOK
		}
		if took := time.Since(begun); took > 20*time.Millisecond {
			t.Errorf("it is ready after %v", took)
		}
	})
}

// Anybody can ask for readiness, and its checks cost something: they run once a
// second, however many ask.
func TestReadinessIsCheckedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checked atomic.Int64
		engine := httpserver.NewEngine()
		httpserver.Health(engine, map[string]func(context.Context) error{"disk": func(context.Context) error {
			checked.Add(1)
			return nil
		}})
		for second := range int64(3) {
			var clients sync.WaitGroup
			for range 16 {
				clients.Go(func() {
					for range 10 {
						w := httptest.NewRecorder()
						engine.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
						if w.Code != http.StatusOK {
							t.Errorf("status %d", w.Code)
						}
					}
				})
			}
			clients.Wait()
			if n := checked.Load(); n != second+1 {
				t.Errorf("checked %d times in second %d", n, second+1)
			}
			time.Sleep(time.Second)
		}
	})
}
