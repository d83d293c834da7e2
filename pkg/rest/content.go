package rest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
)

// maxRanges bounds the cost of a request: reading from an earlier position is
// another request to the backend.
const maxRanges = 16

// ServeContent answers a GET with content, which has size bytes, or with the
// requested ranges of it (RFC 9110, section 14). It ignores more than 16
// ranges. It closes content. For HEAD there is no content, and size may be -1,
// unknown. The caller sets the headers that describe the content beforehand.
func ServeContent(c *gin.Context, size int64, content io.ReadSeekCloser) {
	c.Header("Accept-Ranges", "bytes")
	if content != nil {
		defer func() { _ = content.Close() }()
		if ranges := c.GetHeader("Range"); ranges != "" && strings.Count(ranges, ",") < maxRanges {
			serveRange(c, size, content)
			return
		}
	}
	serveWhole(c, size, content)
}

func serveWhole(c *gin.Context, size int64, content io.Reader) {
	if size >= 0 {
		c.Header("Content-Length", strconv.FormatInt(size, 10))
	}
	c.Status(http.StatusOK)
	if content == nil {
		return
	}
	if _, err := io.Copy(c.Writer, content); err != nil {
		httpserver.Fail(c, err) // too late for another status: aborts the answer
	}
}

// serveRange evaluates no condition except If-Range; the others belong to the
// caller. It ignores ranges in a unit or form that RFC 9110 does not define.
func serveRange(c *gin.Context, size int64, content io.ReadSeeker) {
	asked := &http.Request{Method: http.MethodGet, Header: http.Header{"Range": c.Request.Header["Range"], "If-Range": c.Request.Header["If-Range"]}}
	source := &rangeReader{content: content}
	w := &rangeWriter{ResponseWriter: c.Writer, header: c.Writer.Header().Clone()}
	http.ServeContent(w, asked, "", time.Time{}, source)
	switch err := source.end(); {
	case err != nil:
		httpserver.Fail(c, fmt.Errorf("read a range of the content: %w", err))
	case w.isUnsatisfiable():
		c.Header("Content-Range", fmt.Sprintf("bytes */%d", size))
		httpserver.Fail(c, httpserver.ErrRange.Detailf("the content has %d bytes", size))
	case w.status == http.StatusOK, w.status == http.StatusPartialContent:
		w.begin()
	default:
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			httpserver.Fail(c, fmt.Errorf("read the content from its beginning: %w", err))
			return
		}
		serveWhole(c, size, content)
	}
}

var errEnded = errors.New("the content is not read any more")

// rangeReader records the error of reading, which net/http does not report.
// After end, it also prevents net/http from reading, which it may do for
// several ranges.
type rangeReader struct {
	mu      sync.Mutex
	content io.ReadSeeker // nil after end
	err     error
}

func (r *rangeReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.content == nil {
		return 0, errEnded
	}
	n, err := r.content.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

func (r *rangeReader) Seek(offset int64, whence int) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.content == nil {
		return 0, errEnded
	}
	return r.content.Seek(offset, whence)
}

// end returns the error. After it, nothing is read any more.
func (r *rangeReader) end() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.content = nil
	return r.err
}

// rangeWriter delays the head of the answer until there is something of its
// body. It suppresses answers in which net/http refuses a range or reports a
// failure.
type rangeWriter struct {
	http.ResponseWriter
	header http.Header // of the answer
	status int
	begun  bool
}

func (w *rangeWriter) Header() http.Header { return w.header }

func (w *rangeWriter) WriteHeader(status int) { w.status = status }

func (w *rangeWriter) Write(p []byte) (int, error) {
	if w.status >= http.StatusBadRequest {
		return len(p), nil
	}
	w.begin()
	return w.ResponseWriter.Write(p)
}

// isUnsatisfiable reports whether no range has content. That includes a last
// range of no bytes, which net/http answers with an extent that ends before it
// begins.
func (w *rangeWriter) isUnsatisfiable() bool {
	switch w.status {
	case http.StatusRequestedRangeNotSatisfiable:
		return w.header.Get("Content-Range") != "" // otherwise it is not a range
	case http.StatusPartialContent:
		return w.header.Get("Content-Length") == "0"
	}
	return false
}

func (w *rangeWriter) begin() {
	if !w.begun {
		w.begun = true
		maps.Copy(w.ResponseWriter.Header(), w.header)
		w.ResponseWriter.WriteHeader(w.status)
	}
}
