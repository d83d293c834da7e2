package httpserver_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
)

func serve(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func newEngine() *gin.Engine {
	e := httpserver.NewEngine()
	httpserver.Get(e, "/v1/things/:id", func(c *gin.Context) { c.String(http.StatusOK, c.Param("id")) })
	e.PUT("/v1/things/:id", func(c *gin.Context) { httpserver.Fail(c, errors.New("unreachable backend")) })
	httpserver.Get(e, "/v1/things/:id/parts", func(c *gin.Context) { c.String(http.StatusOK, "parts") })
	return e
}

func TestEngineRoutes(t *testing.T) {
	tests := []struct {
		method, target string
		status         int
		body           string // expected body of a success
		problem        string
	}{
		{"GET", "/v1/things/7", 200, "7", ""},
		{"HEAD", "/v1/things/7", 200, "7", ""}, // net/http drops the body
		{"GET", "/v1/things/%37", 200, "7", ""},
		{"GET", "/v1/things/a%2Fparts", 200, "a/parts", ""},
		{"GET", "/v1/things/a/parts", 200, "parts", ""},
		{"GET", "/v1/things%2F7", 404, "", "no-such-route"},
		{"GET", "/v1/things/7/", 404, "", "no-such-route"},
		{"GET", "/V1/things/7", 404, "", "no-such-route"},
		{"GET", "//v1/things/7", 404, "", "no-such-route"},
		{"POST", "/v1/things/a/../7", 404, "", "no-such-route"},
		{"GET", "/", 404, "", "no-such-route"},
		{"PUT", "/v1/things/7", 500, "", "internal"},
		{"DELETE", "/v1/things/7", 405, "", "method-not-allowed"},
		{"OPTIONS", "/v1/things/7", 405, "", "method-not-allowed"},
	}
	e := newEngine()
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.target, func(t *testing.T) {
			w := serve(e, tt.method, tt.target)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d", w.Code, tt.status)
			}
			if tt.problem == "" {
				if w.Body.String() != tt.body {
					t.Errorf("body %q, want %q", w.Body, tt.body)
				}
				return
			}
			if got, want := decodeProblem(t, w).Type, "http://example.com/problems/"+tt.problem; got != want {
				t.Errorf("type %s, want %s", got, want)
			}
		})
	}
}

func TestEngineListsTheAllowedMethods(t *testing.T) {
	if got, want := serve(newEngine(), "PATCH", "/v1/things/7").Header().Get("Allow"), "GET, HEAD, PUT"; got != want {
		t.Errorf("Allow = %q, want %q", got, want)
	}
}

func TestEngineAnswersHeadOfNothingWithoutABody(t *testing.T) {
	w := serve(newEngine(), "HEAD", "/nothing")
	if w.Code != http.StatusNotFound || w.Body.Len() != 0 {
		t.Errorf("status %d, body %q", w.Code, w.Body)
	}
}

func TestFailAbortsAndKeepsTheError(t *testing.T) {
	e := httpserver.NewEngine()
	boom := errors.New("boom")
	var kept []*gin.Error
	e.Use(func(c *gin.Context) {
		c.Next()
		kept = c.Errors
	})
	e.GET("/", func(c *gin.Context) { httpserver.Fail(c, boom) }, func(*gin.Context) { t.Error("the chain goes on") })
	if w := serve(e, "GET", "/"); w.Code != http.StatusInternalServerError {
		t.Errorf("status %d", w.Code)
	}
	if len(kept) != 1 || !errors.Is(kept[0], boom) {
		t.Errorf("errors %v", kept)
	}
}

func TestHealth(t *testing.T) {
	fine := func(context.Context) error { return nil }
	e := httpserver.NewEngine()
	httpserver.Health(e, map[string]func(context.Context) error{"database": fine, "bucket": fine}, httpserver.ReadyPath)
	for _, path := range []string{"/livez", "/readyz", "/ready"} {
		for _, method := range []string{"GET", "HEAD"} {
			if w := serve(e, method, path); w.Code != http.StatusOK || w.Body.String() != `{"status":"ok"}`+"\n" {
				t.Errorf("%s %s: %d %q", method, path, w.Code, w.Body)
			}
		}
	}
}

func TestReadyzSurvivesACheckThatPanics(t *testing.T) {
	e := httpserver.NewEngine()
	httpserver.Health(e, map[string]func(context.Context) error{"upstream": func(context.Context) error { panic(http.ErrAbortHandler) }})
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", w.Code)
	}
}

func TestReadyzListsTheFailedChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		defer close(stuck)
		e := httpserver.NewEngine()
		httpserver.Health(e, map[string]func(context.Context) error{
			"database": func(context.Context) error { return errors.New("dial /secret.sock") },
			"bucket":   func(context.Context) error { return nil },
			"broker":   func(context.Context) error { return fault.New(fault.Unavailable, "broker-down", "no topic") },
			"stuck":    func(context.Context) error { <-stuck; return nil },
			"slow":     func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		})
		start := time.Now()
		w := serve(e, "GET", "/readyz")
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("status %d", w.Code)
		}
		want := []fault.Violation{
			{Pointer: "broker", Detail: "no topic"},
			{Pointer: "database", Detail: "failed"},
			{Pointer: "slow", Detail: "did not answer in time"},
			{Pointer: "stuck", Detail: "did not answer in time"},
		}
		if diff := cmp.Diff(want, decodeProblem(t, w).Errors); diff != "" {
			t.Error(diff)
		}
		if w := serve(e, "GET", "/livez"); w.Code != http.StatusOK {
			t.Errorf("livez %d", w.Code)
		}
	})
}

func TestReadyzLogsEachReasonOnce(t *testing.T) {
	core, lines := observer.New(zap.WarnLevel)
	e := httpserver.NewEngine()
	httpserver.Health(e, map[string]func(context.Context) error{
		"database": func(context.Context) error { return errors.New("dial /secret.sock") },
		"broker":   func(context.Context) error { return fault.New(fault.Unavailable, "broker-down", "no topic") },
	})
	serve(httpserver.Process(e, zap.New(core)), "GET", "/readyz")
	if lines.Len() != 1 {
		t.Fatalf("logs %v", lines.All())
	}
	line := fmt.Sprint(lines.All()[0].ContextMap())
	if strings.Count(line, "no topic") != 1 || strings.Count(line, "/secret.sock") != 1 {
		t.Error(line)
	}
}
