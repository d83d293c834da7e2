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

// maxRanges bounds what one request costs: to read on from an earlier place is
// one more to the backend.
const maxRanges = 16

// ServeContent answers a GET with the size bytes of content, or with the ranges
// of them that are asked for (RFC 9110, section 14) unless they are more than 16,
// and closes content. A HEAD has no content; its size may be unknown, -1. The
// headers that describe the content are the caller's to set before.
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
		httpserver.Fail(c, err) // too late for another status: it cuts the answer off
	}
}

// serveRange judges no condition but If-Range: the others are the caller's. A
// range of another unit or form than RFC 9110 gives is ignored.
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

// rangeReader keeps the failure that net/http does not tell, and keeps net/http
// from reading on after it has returned, as it may where it sends several
// ranges.
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

// end returns the failure, when nothing is read any more.
func (r *rangeReader) end() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.content = nil
	return r.err
}

// rangeWriter holds back the answer's head until there is something of its
// body, and an answer by which net/http refuses a range or tells of a failure
// altogether.
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

// isUnsatisfiable reports whether there is nothing of a range: a last one of no
// bytes, too, which net/http answers with an extent that ends before it begins.
func (w *rangeWriter) isUnsatisfiable() bool {
	switch w.status {
	case http.StatusRequestedRangeNotSatisfiable:
		return w.header.Get("Content-Range") != "" // else it is no range
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
