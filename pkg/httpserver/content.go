package httpserver

import (
	"bytes"
	"fmt"
	"io"
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

func serveRange(c *gin.Context, size int64, content io.Reader) {
	all := make([]byte, size)
	if _, err := io.ReadFull(content, all); err != nil {
		Fail(c, fmt.Errorf("read the content of a range: %w", err))
		return
	}
	w := &rangeWriter{ResponseWriter: c.Writer}
	http.ServeContent(w, c.Request, "", time.Time{}, bytes.NewReader(all))
	if w.unsatisfiable {
		Fail(c, ErrRange.Detailf("the content has %d bytes", size))
	}
}

// rangeWriter holds back the plain text by which net/http refuses a range.
type rangeWriter struct {
	http.ResponseWriter
	unsatisfiable bool
}

func (w *rangeWriter) WriteHeader(status int) {
	if w.unsatisfiable = status == http.StatusRequestedRangeNotSatisfiable; !w.unsatisfiable {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *rangeWriter) Write(p []byte) (int, error) {
	if w.unsatisfiable {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}
