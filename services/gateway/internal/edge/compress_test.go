package edge

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/httpserver"
)

type reply struct {
	status int
	header http.Header
	body   io.Reader
}

// compressing serves h behind Compress as a process does, to a client that does
// not decompress.
func compressing(t *testing.T, h http.HandlerFunc) (do func(header http.Header) reply) {
	t.Helper()
	handler, err := Compress(h)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(httpserver.Process(handler, zap.NewNop()))
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(client.CloseIdleConnections)
	return func(header http.Header) reply {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return reply{res.StatusCode, res.Header, res.Body}
	}
}

func acceptGzip() http.Header { return http.Header{"Accept-Encoding": {"br, gzip;q=0.8"}} }

func TestTextIsCompressed(t *testing.T) {
	long := `{"a":"` + strings.Repeat("b", 2000) + `"}`
	for _, test := range []struct {
		name, contentType, body string
		accept                  http.Header
		compressed              bool
	}{
		{"JSON", "application/json; charset=utf-8", long, acceptGzip(), true},
		{"a problem", "application/problem+json", long, acceptGzip(), true},
		{"events", "application/cloudevents-batch+json", long, acceptGzip(), true},
		{"short JSON", "application/json", `{"a":1}`, acceptGzip(), false},
		{"an image", "image/png", long, acceptGzip(), false},
		{"a client that takes no gzip", "application/json", long, http.Header{"Accept-Encoding": {"gzip;q=0"}}, false},
		{"a client that says nothing", "application/json", long, http.Header{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := compressing(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				w.Header().Set("ETag", `"7"`)
				_, _ = io.WriteString(w, test.body)
			})(test.accept)
			body, encoding, tag := res.body, "", `"7"`
			if test.compressed {
				encoding, tag = "gzip", `"7-gzip"`
				var err error
				if body, err = gzip.NewReader(res.body); err != nil {
					t.Fatal(err)
				}
			}
			got, err := io.ReadAll(body)
			if err != nil || string(got) != test.body {
				t.Errorf("%d bytes, %v, want the %d that were sent", len(got), err, len(test.body))
			}
			if h := res.header; h.Get("Content-Encoding") != encoding || h.Get("ETag") != tag || h.Get("Vary") != "Accept-Encoding" {
				t.Errorf("headers %v, want encoding %q and ETag %s", h, encoding, tag)
			}
		})
	}
}

func TestConditionsHoldInBothForms(t *testing.T) {
	do := compressing(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"7"`)
		if r.Header.Get("If-None-Match") == `"7"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, r.Header.Get("If-Match"))
	})
	for _, tag := range []string{`"7"`, `"7-gzip"`} {
		header := acceptGzip()
		header.Set("If-None-Match", tag)
		if res := do(header); res.status != http.StatusNotModified || res.header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: %d with ETag %s", tag, res.status, res.header.Get("ETag"))
		}
	}
	header := acceptGzip()
	header.Set("If-Match", `"6-gzip", "7"`)
	if got, err := io.ReadAll(do(header).body); err != nil || string(got) != `"6", "7"` {
		t.Errorf("the service saw If-Match %s, %v", got, err)
	}
}

func TestEventStreamsAreNotHeldBack(t *testing.T) {
	ended := make(chan struct{})
	defer close(ended)
	do := compressing(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-ended:
		case <-r.Context().Done():
		}
	})
	for _, header := range []http.Header{acceptGzip(), {"Accept-Encoding": {"gzip"}, "If-None-Match": {`"7-gzip"`}}} {
		if line, err := bufio.NewReader(do(header).body).ReadString('\n'); line != "data: 1\n" {
			t.Errorf("read %q, %v, want the event while the stream goes on", line, err)
		}
	}
}

func TestBrokenAnswersAreNotTakenForWhole(t *testing.T) {
	engine := httpserver.NewEngine()
	httpserver.Get(engine, "/", func(c *gin.Context) {
		c.Header("Content-Type", "application/json")
		_, _ = c.Writer.WriteString(`{"begun":`)
		httpserver.Fail(c, errors.New("the file broke off"))
	})
	handler, err := Compress(engine)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(httpserver.Process(handler, zap.NewNop()))
	defer server.Close()
	res, err := http.Get(server.URL)
	if err == nil {
		defer func() { _ = res.Body.Close() }()
		var body []byte
		if body, err = io.ReadAll(res.Body); err == nil {
			t.Errorf("got %d %s, want a broken connection", res.StatusCode, body)
		}
	}
}
