package rest_test

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
)

// content counts the bytes that are read, and fails at a position.
type content struct {
	strings.Reader
	failAt int64 // 0: never
	read   int64
	closed bool
}

var errStore = fault.New(fault.Unavailable, "store-down", "the store is down")

func (c *content) Read(p []byte) (int, error) {
	if c.closed {
		panic("read after it was closed")
	}
	at := c.Size() - int64(c.Len())
	if c.failAt > 0 && at >= c.failAt {
		return 0, errStore
	}
	if c.failAt > 0 {
		p = p[:min(int64(len(p)), c.failAt-at)]
	}
	n, err := c.Reader.Read(p)
	c.read += int64(n)
	return n, err
}

func (c *content) WriteTo(io.Writer) (int64, error) { panic("not read by Read") }

func (c *content) Close() error {
	c.closed = true
	return nil
}

// ask serves body, with the options of c, to a request for ranges of it.
func ask(t *testing.T, c *content, body, ranges string) (w *httptest.ResponseRecorder, cut bool) {
	t.Helper()
	c.Reset(body)
	e := httpserver.NewEngine()
	e.GET("/", func(ctx *gin.Context) {
		ctx.Header("Content-Type", "text/plain")
		rest.ServeContent(ctx, c.Size(), struct{ io.ReadSeekCloser }{c})
	})
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	if ranges != "" {
		r.Header.Set("Range", ranges)
	}
	w = httptest.NewRecorder()
	defer func() {
		if !c.closed {
			t.Error("the content is not closed")
		}
		if v := recover(); v != nil {
			if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			cut = true
		}
	}()
	httpserver.Process(e, zap.NewNop()).ServeHTTP(w, r)
	return w, false
}

func TestServeContentReadsNoMoreThanARange(t *testing.T) {
	body := strings.Repeat("0123456789", 100_000)
	for ranges, want := range map[string]string{"bytes=10-19": "0123456789", "bytes=999998-": "89", "bytes=-3": "789", "bytes=999999-2000000": "9"} {
		var c content
		w, _ := ask(t, &c, body, ranges)
		if w.Code != http.StatusPartialContent || w.Body.String() != want || c.read != int64(len(want)) {
			t.Errorf("%s: %d %q, %d bytes were read", ranges, w.Code, w.Body, c.read)
		}
	}
}

func TestServeContentReadsNoMoreThanRanges(t *testing.T) {
	body := strings.Repeat("0123456789", 100_000)
	for _, ranges := range []string{"bytes=10-11,500000-500003", "bytes=500000-500003,10-11", "bytes=-4, 0-1"} {
		var c content
		w, _ := ask(t, &c, body, ranges)
		kind, params, _ := mime.ParseMediaType(w.Header().Get("Content-Type"))
		if w.Code != http.StatusPartialContent || kind != "multipart/byteranges" {
			t.Errorf("%s: %d %v", ranges, w.Code, w.Header())
			continue
		}
		var got int64
		for parts := multipart.NewReader(w.Body, params["boundary"]); ; {
			part, err := parts.NextPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(part)
			var from, to, size int
			if _, err := fmt.Sscanf(part.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &size); err != nil || string(text) != body[from:to+1] {
				t.Errorf("%s: %v %q", ranges, part.Header, text)
			}
			got += int64(len(text))
		}
		if got != 6 || c.read != got {
			t.Errorf("%s: %d bytes were sent, %d read", ranges, got, c.read)
		}
	}
}

// Each range before the previous one may be a request to the backend.
func TestServeContentIgnoresTooManyRanges(t *testing.T) {
	body := strings.Repeat("0123456789", 10)
	for n, want := range map[int]int{16: http.StatusPartialContent, 17: http.StatusOK} {
		w, _ := ask(t, new(content), body, "bytes=9-9"+strings.Repeat(",0-0", n-1))
		if w.Code != want || want == http.StatusOK && w.Body.String() != body {
			t.Errorf("%d ranges: %d %v %q", n, w.Code, w.Header(), w.Body)
		}
	}
}

func TestServeContentOfNothing(t *testing.T) {
	w, _ := ask(t, new(content), "0123456789", "bytes=-0")
	if w.Code != http.StatusRequestedRangeNotSatisfiable || w.Header().Get("Content-Range") != "bytes */10" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// broken is the answer to a client that leaves after the head.
type broken struct{ *httptest.ResponseRecorder }

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// net/http may still be reading when it gives up.
func TestServeContentToClientThatLeaves(t *testing.T) {
	for range 20 {
		var c content
		c.Reset(strings.Repeat("0123456789", 100_000))
		e := httpserver.NewEngine()
		e.GET("/", func(ctx *gin.Context) { rest.ServeContent(ctx, c.Size(), struct{ io.ReadSeekCloser }{&c}) })
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("Range", "bytes=0-400000,500000-")
		e.ServeHTTP(broken{httptest.NewRecorder()}, r)
	}
}

func TestServeContentOfBackendThatFails(t *testing.T) {
	t.Run("a range", func(t *testing.T) {
		w, cut := ask(t, &content{failAt: 5}, "0123456789", "bytes=5-8")
		if cut || w.Code != http.StatusServiceUnavailable {
			t.Fatalf("%d %s, cut: %v", w.Code, w.Body, cut)
		}
		if w.Header().Get("Content-Range") != "" || !strings.Contains(w.Body.String(), "http://example.com/problems/unavailable") {
			t.Errorf("%v %s", w.Header(), w.Body)
		}
	})
	t.Run("ranges", func(t *testing.T) {
		if w, cut := ask(t, &content{failAt: 5}, "0123456789", "bytes=0-1,5-8"); !cut || !strings.Contains(w.Body.String(), "01") {
			t.Errorf("%d %q, cut: %v; want the connection cut after what was there", w.Code, w.Body, cut)
		}
	})
	t.Run("in the middle of a range", func(t *testing.T) {
		if w, cut := ask(t, &content{failAt: 7}, "0123456789", "bytes=5-8"); !cut || w.Body.String() != "56" {
			t.Errorf("%d %q, cut: %v; want the connection cut after what was there", w.Code, w.Body, cut)
		}
	})
	t.Run("in the middle of the whole", func(t *testing.T) {
		if w, cut := ask(t, &content{failAt: 7}, "0123456789", ""); !cut || w.Body.String() != "0123456" {
			t.Errorf("%d %q, cut: %v; want the connection cut after what was there", w.Code, w.Body, cut)
		}
	})
}
