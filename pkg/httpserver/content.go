package httpserver

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// ServeContent answers a GET with the size bytes of content, or with the Range
// of them that is asked for (RFC 9110, section 14), which it reads into memory
// first, and closes content. A HEAD has no content; its size may be unknown, -1.
// The headers that describe the content are the caller's to set before.
func ServeContent(c *gin.Context, size int64, content io.ReadCloser) {
	c.Header("Accept-Ranges", "bytes")
	if content != nil {
		defer func() { _ = content.Close() }()
	}
	if content != nil && c.GetHeader("Range") != "" {
		serveRange(c, size, content)
		return
	}
	if size >= 0 {
		c.Header("Content-Length", strconv.FormatInt(size, 10))
	}
	c.Status(http.StatusOK)
	if content == nil {
		return
	}
	if _, err := io.Copy(c.Writer, content); err != nil {
		Fail(c, err) // too late for another status: it cuts the answer off
	}
}

// serveRange judges no condition but If-Range: the others are the caller's. A
// range of another unit or form than RFC 9110 gives is ignored.
func serveRange(c *gin.Context, size int64, content io.Reader) {
	all := make([]byte, size)
	if _, err := io.ReadFull(content, all); err != nil {
		Fail(c, fmt.Errorf("read the content of a range: %w", err))
		return
	}
	asked := &http.Request{Method: http.MethodGet, Header: http.Header{"Range": c.Request.Header["Range"], "If-Range": c.Request.Header["If-Range"]}}
	w := &rangeWriter{ResponseWriter: c.Writer, header: c.Writer.Header().Clone()}
	http.ServeContent(w, asked, "", time.Time{}, bytes.NewReader(all))
	switch extent := w.header.Get("Content-Range"); {
	case !w.refused:
	case extent != "": // as "bytes */7"
		c.Header("Content-Range", extent)
		Fail(c, ErrRange.Detailf("the content has %d bytes", size))
	default:
		asked.Header = nil
		http.ServeContent(c.Writer, asked, "", time.Time{}, bytes.NewReader(all))
	}
}

// rangeWriter holds back the answer by which net/http refuses a range.
type rangeWriter struct {
	http.ResponseWriter
	header  http.Header // of the answer, unless it is refused
	refused bool
}

func (w *rangeWriter) Header() http.Header { return w.header }

func (w *rangeWriter) WriteHeader(status int) {
	if w.refused = status == http.StatusRequestedRangeNotSatisfiable; !w.refused {
		maps.Copy(w.ResponseWriter.Header(), w.header)
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *rangeWriter) Write(p []byte) (int, error) {
	if w.refused {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}
