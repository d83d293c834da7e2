package httpserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// ServeContent answers a GET with the size bytes of content, or with the ranges
// of them that are asked for (RFC 9110, section 14), of which several are read
// into memory first, and closes content. A HEAD has no content; its size may be
// unknown, -1. The headers that describe the content are the caller's to set
// before.
func ServeContent(c *gin.Context, size int64, content io.ReadSeekCloser) {
	c.Header("Accept-Ranges", "bytes")
	if content != nil {
		defer func() { _ = content.Close() }()
		if c.GetHeader("Range") != "" {
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
		Fail(c, err) // too late for another status: it cuts the answer off
	}
}

// serveRange judges no condition but If-Range: the others are the caller's. A
// range of another unit or form than RFC 9110 gives is ignored.
func serveRange(c *gin.Context, size int64, content io.ReadSeeker) {
	asked := &http.Request{Method: http.MethodGet, Header: http.Header{"Range": c.Request.Header["Range"], "If-Range": c.Request.Header["If-Range"]}}
	if strings.Contains(c.GetHeader("Range"), ",") { // net/http may go on reading these after it has returned
		all, err := io.ReadAll(content)
		if err != nil {
			Fail(c, fmt.Errorf("read the content of ranges: %w", err))
			return
		}
		content = bytes.NewReader(all)
	}
	source := &rangeReader{ReadSeeker: content}
	w := &rangeWriter{ResponseWriter: c.Writer, header: c.Writer.Header().Clone()}
	http.ServeContent(w, asked, "", time.Time{}, source)
	switch extent := w.header.Get("Content-Range"); {
	case source.err != nil:
		Fail(c, fmt.Errorf("read a range of the content: %w", source.err))
	case w.status == http.StatusOK, w.status == http.StatusPartialContent:
		w.begin()
	case extent != "": // as "bytes */7"
		c.Header("Content-Range", extent)
		Fail(c, ErrRange.Detailf("the content has %d bytes", size))
	default:
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			Fail(c, fmt.Errorf("read the content from its beginning: %w", err))
			return
		}
		serveWhole(c, size, content)
	}
}

// rangeReader keeps the failure that net/http does not tell.
type rangeReader struct {
	io.ReadSeeker
	err error
}

func (r *rangeReader) Read(p []byte) (int, error) {
	n, err := r.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
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

func (w *rangeWriter) begin() {
	if !w.begun {
		w.begun = true
		maps.Copy(w.ResponseWriter.Header(), w.header)
		w.ResponseWriter.WriteHeader(w.status)
	}
}
