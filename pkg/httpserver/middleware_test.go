package httpserver_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/logging"
)

// process wraps h and returns its log.
func process(h http.HandlerFunc) (http.Handler, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.DebugLevel)
	return httpserver.Process(h, zap.New(core)), logs
}

// line returns the fields of the one line of logs, without the latency.
func line(t *testing.T, logs *observer.ObservedLogs) (zapcore.Level, map[string]any) {
	t.Helper()
	all := logs.All()
	if len(all) != 1 || all[0].Message != "request" {
		t.Fatalf("log %v, want one line", all)
	}
	fields := all[0].ContextMap()
	request := fields["httpRequest"].(map[string]any)
	if latency, _ := request["latency"].(string); !regexp.MustCompile(`^\d+\.\d{6}s$`).MatchString(latency) {
		t.Errorf("latency = %v", request["latency"])
	}
	delete(request, "latency")
	delete(fields, "httpRequest")
	maps.Copy(fields, request)
	return all[0].Level, fields
}

func TestProcessLogsOneLine(t *testing.T) {
	tests := []struct {
		name, path string
		handler    http.HandlerFunc
		level      zapcore.Level
		want       map[string]any
	}{
		{
			"a success", "/v1/accounts?email=a@b",
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusCreated)
				_, _ = w.Write([]byte("abc"))
				_, _ = io.WriteString(w, "de")
			},
			zapcore.InfoLevel,
			map[string]any{"requestMethod": "GET", "requestUrl": "/v1/accounts", "status": 201, "request_id": "id-1"},
		},
		{
			"nothing written", "/x", func(http.ResponseWriter, *http.Request) {},
			zapcore.InfoLevel,
			map[string]any{"requestMethod": "GET", "requestUrl": "/x", "status": 200, "request_id": "id-1"},
		},
		{
			"a client's mistake", "/x", func(w http.ResponseWriter, r *http.Request) { httpserver.WriteError(w, r, httpserver.ErrNoRoute) },
			zapcore.InfoLevel,
			map[string]any{"requestMethod": "GET", "requestUrl": "/x", "status": 404, "request_id": "id-1"},
		},
		{
			"a failure", "/x", func(w http.ResponseWriter, r *http.Request) { httpserver.WriteError(w, r, io.ErrClosedPipe) },
			zapcore.ErrorLevel,
			map[string]any{"requestMethod": "GET", "requestUrl": "/x", "status": 500, "request_id": "id-1", "error": "io: read/write on closed pipe"},
		},
		{
			"a probe", "/livez", func(http.ResponseWriter, *http.Request) {},
			zapcore.DebugLevel,
			map[string]any{"requestMethod": "GET", "requestUrl": "/livez", "status": 200, "request_id": "id-1"},
		},
		{
			"a probe that fails", "/readyz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
			zapcore.WarnLevel,
			map[string]any{"requestMethod": "GET", "requestUrl": "/readyz", "status": 503, "request_id": "id-1"},
		},
		{
			"a path that may hold personal data", "/accounts/ann@example.org/image", func(http.ResponseWriter, *http.Request) {},
			zapcore.InfoLevel,
			map[string]any{"requestMethod": "GET", "requestUrl": "/accounts/…", "status": 200, "request_id": "id-1"},
		},
		{
			"a very long path", "/" + strings.Repeat("x", 2000), func(http.ResponseWriter, *http.Request) {},
			zapcore.InfoLevel,
			map[string]any{"requestMethod": "GET", "requestUrl": "/" + strings.Repeat("x", 511), "status": 200, "request_id": "id-1"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, logs := process(tt.handler)
			r := httptest.NewRequest(http.MethodGet, tt.path, nil)
			r.Header.Set("X-Request-Id", "id-1")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			level, fields := line(t, logs)
			if level != tt.level {
				t.Errorf("level %v, want %v", level, tt.level)
			}
			tt.want["responseSize"] = int64(w.Body.Len())
			if diff := cmp.Diff(tt.want, fields); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProcessTellsOfAClientThatLeftAtInfo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h, logs := process(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		httpserver.WriteError(w, r, r.Context().Err())
	})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	level, fields := line(t, logs)
	if level != zapcore.InfoLevel || fields["status"] != 499 || fields["error"] != "context canceled" {
		t.Errorf("%v %v", level, fields)
	}
}

// An answer that cannot be sent is logged with the reason, but without the
// address of the client.
func TestProcessTellsOfAnAnswerThatIsNotSent(t *testing.T) {
	h, logs := process(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "192.0.2.7:4242"
	h.ServeHTTP(unsendable{httptest.NewRecorder(), errors.New("write tcp 127.0.0.1:8080->192.0.2.7:4242: connection reset by peer")}, r)
	if _, fields := line(t, logs); fields["error"] != "write tcp 127.0.0.1:8080->the client: connection reset by peer" {
		t.Errorf("%v", fields)
	}
}

type unsendable struct {
	http.ResponseWriter
	err error
}

func (u unsendable) Write([]byte) (int, error) { return 0, u.err }

func TestProcessGivesEachRequestAnID(t *testing.T) {
	fresh := regexp.MustCompile(`^[0-9a-f]{32}$`)
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	tests := []struct {
		name, id, traceparent string
		keepsID, keepsTrace   bool
	}{
		{"none", "", "", false, false},
		{"valid", "Az0._-", trace, true, true},
		{"longest", strings.Repeat("x", 128), "", true, false},
		{"too long", strings.Repeat("x", 129), trace + "-00", false, false},
		{"not allowed characters", "a b", strings.ToUpper(trace), false, false},
		{"a line break", "a\nb", "", false, false},
		{"not ASCII", "é", "", false, false},
		{"version ff", "", "ff" + trace[2:], false, false},
		{"trace id zero", "", "00-00000000000000000000000000000000-b7ad6b7169203331-01", false, false},
		{"span id zero", "", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false, false},
		{"no hyphens", "", strings.ReplaceAll(trace, "-", "0"), false, false},
		{"no hex", "", "00-0af7651916cd43dd8448eb211c80319x-b7ad6b7169203331-01", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got events.Origin
			var forwarded []string
			h, _ := process(func(_ http.ResponseWriter, r *http.Request) {
				got = events.OriginFrom(r.Context())
				forwarded = r.Header["X-Request-Id"]
				if httpserver.RequestID(r.Context()) != got.RequestID {
					t.Error("RequestID is another")
				}
			})
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if tt.id != "" {
				r.Header["X-Request-Id"] = []string{tt.id, "second"}
			}
			if tt.traceparent != "" {
				r.Header.Set("Traceparent", tt.traceparent)
			}
			h.ServeHTTP(w, r)
			if tt.keepsID && got.RequestID != tt.id || !tt.keepsID && !fresh.MatchString(got.RequestID) {
				t.Errorf("request id %q", got.RequestID)
			}
			if want := []string{got.RequestID}; !cmp.Equal(forwarded, want) || !cmp.Equal(w.Header()["X-Request-Id"], want) {
				t.Errorf("forwarded %q, answered %q", forwarded, w.Header()["X-Request-Id"])
			}
			if (got.Traceparent == trace) != tt.keepsTrace || got.Traceparent != "" && !tt.keepsTrace {
				t.Errorf("traceparent %q", got.Traceparent)
			}
			if w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Error("no nosniff")
			}
		})
	}
}

func TestProcessGivesEachRequestItsOwnID(t *testing.T) {
	h, _ := process(func(http.ResponseWriter, *http.Request) {})
	a, b := serve(h, "GET", "/").Header().Get("X-Request-Id"), serve(h, "GET", "/").Header().Get("X-Request-Id")
	if a == b {
		t.Errorf("twice %s", a)
	}
}

func TestProcessAnswersAPanic(t *testing.T) {
	h, logs := process(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Etag", `"7"`)
		panic("secret")
	})
	w := serve(h, "GET", "/")
	if p := decodeProblem(t, w); p.Status != 500 || w.Code != 500 || strings.Contains(w.Body.String(), "secret") || w.Header().Get("Etag") != "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	level, fields := line(t, logs)
	if level != zapcore.ErrorLevel || fields["status"] != 500 || fields["error"] != "panic: secret" {
		t.Errorf("%v %v", level, fields)
	}
	if stack, _ := fields["stack"].(string); !strings.Contains(stack, "TestProcessAnswersAPanic") {
		t.Errorf("stack %s", stack)
	}
}

func TestProcessCutsAnAnswerThatHasBegun(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		level   zapcore.Level
		err     string
	}{
		{"at a panic", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("a")); panic("b") }, zapcore.ErrorLevel, "panic: b"},
		{"at an error", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("a"))
			httpserver.WriteError(w, r, errors.New("c"))
		}, zapcore.ErrorLevel, "c"},
		{"at an abort", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("a"))
			panic(http.ErrAbortHandler)
		}, zapcore.InfoLevel, "the answer was broken off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, logs := process(tt.handler)
			server := httptest.NewServer(h)
			defer server.Close()
			res, err := server.Client().Get(server.URL)
			if err == nil {
				_, err = io.ReadAll(res.Body)
				_ = res.Body.Close()
			}
			if err == nil {
				t.Error("the client takes the part for the whole")
			}
			server.Close() // waits for the handler, and so for its log line
			level, fields := line(t, logs)
			if level != tt.level || fields["error"] != tt.err {
				t.Errorf("%v %v", level, fields)
			}
		})
	}
}

// TestProcessKeepsTheWaysOfTheWriter also uses gin's writer, which asserts
// optional interfaces itself.
func TestProcessKeepsTheWaysOfTheWriter(t *testing.T) {
	e := httpserver.NewEngine()
	e.GET("/", func(c *gin.Context) {
		rc := http.NewResponseController(c.Writer)
		if err := rc.SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Errorf("SetWriteDeadline: %v", err)
		}
		c.Writer.Flush()
		if err := rc.Flush(); err != nil {
			t.Errorf("Flush: %v", err)
		}
	})
	core, logs := observer.New(zapcore.DebugLevel)
	readFrom := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			e.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusEarlyHints) // an informational answer, not the final one
		if n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("abc")); n != 3 || err != nil {
			t.Errorf("ReadFrom = %d, %v", n, err)
		}
	})
	server := httptest.NewServer(httpserver.Process(readFrom, zap.New(core)))
	defer server.Close()
	for path, want := range map[string]string{"/": "", "/read": "abc"} {
		res, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if string(body) != want || err != nil {
			t.Errorf("%s: %q, %v", path, body, err)
		}
	}
	server.Close()
	for _, entry := range logs.All() {
		fields := entry.ContextMap()["httpRequest"].(map[string]any)
		if want := map[string]int64{"/": 0, "/read": 3}[fields["requestUrl"].(string)]; fields["responseSize"] != want || fields["status"] != 200 {
			t.Errorf("log %v", fields)
		}
	}
}

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func BenchmarkProcess(b *testing.B) {
	null, err := os.OpenFile(b.TempDir()+"/log", os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	body := []byte(`{"status":"ok"}`)
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	for name, h := range map[string]http.Handler{
		"bare":    bare,
		"process": httpserver.Process(bare, logging.New(logging.Config{Level: logging.Level(zapcore.InfoLevel)}, null)),
		"silent":  httpserver.Process(bare, logging.New(logging.Config{Level: logging.Level(zapcore.ErrorLevel)}, null)),
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/v1/accounts/4503599627370496", nil)
			w := discard{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				delete(r.Header, "X-Request-Id")
				h.ServeHTTP(w, r)
			}
		})
	}
}

func TestProcessDecodesWhatNeedsNoEscape(t *testing.T) {
	for given, want := range map[string]string{
		"/v1/%61ccounts":        "/v1/accounts",
		"/v1/a%2Db%5f%7E%41%30": "/v1/a-b_~A0",
		"/v1/a%2fb":             "/v1/a%2fb",
		"/v1/%2e%2E/x":          "/v1/%2e%2E/x",
		"/v1/%252561":           "/v1/%252561",
		"/v1/x%20y%C3%A4":       "/v1/x%20y%C3%A4",
	} {
		var got string
		h := httpserver.Process(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.EscapedPath() }), zap.NewNop())
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, given, nil))
		if got != want {
			t.Errorf("%s is %s, want %s", given, got, want)
		}
	}
}
