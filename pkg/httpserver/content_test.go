package httpserver_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
)

// content counts what is read of it and fails at a place.
type content struct {
	strings.Reader
	failAt int64 // 0: nowhere
	read   int64
	closed bool
}

var errStore = fault.New(fault.Unavailable, "store-down", "the store is down")

func (c *content) Read(p []byte) (int, error) {
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

// ask serves body, with what is set of c, to a request for ranges of it.
func ask(t *testing.T, c *content, body, ranges string) (w *httptest.ResponseRecorder, cut bool) {
	t.Helper()
	c.Reset(body)
	e := httpserver.NewEngine()
	e.GET("/", func(ctx *gin.Context) {
		ctx.Header("Content-Type", "text/plain")
		httpserver.ServeContent(ctx, c.Size(), struct{ io.ReadSeekCloser }{c})
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

func TestServeContentOfBackendThatFails(t *testing.T) {
	for name, test := range map[string]struct {
		ranges string
		failAt int64
	}{"a range": {"bytes=5-8", 5}, "ranges": {"bytes=0-1,5-8", 5}} {
		t.Run(name, func(t *testing.T) {
			w, cut := ask(t, &content{failAt: test.failAt}, "0123456789", test.ranges)
			if cut || w.Code != http.StatusServiceUnavailable {
				t.Fatalf("%d %s, cut: %v", w.Code, w.Body, cut)
			}
			if w.Header().Get("Content-Range") != "" || decodeProblem(t, w).Type != "http://example.com/problems/unavailable" {
				t.Errorf("%v %s", w.Header(), w.Body)
			}
		})
	}
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
