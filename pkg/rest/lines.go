package rest

import (
	"bufio"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
)

const (
	// linesStall is how long a client may take to read linesPiece bytes.
	linesStall = 30 * time.Second
	linesPiece = 4 << 10
)

// includeCount is the query parameter of exports that adds a last line with the
// number of items.
const includeCount = "include_count"

var errUnseenEnd = httpserver.ErrMalformed.Detailf("over HTTP/1.0, an incomplete export looks complete: use HTTP/1.1 (in nginx: proxy_http_version 1.1), or add %s=true and check that the last line is there", includeCount)

// CheckLines refuses an export over HTTP/1.0, where the end of the connection is
// the end of the body, so a client cannot detect that the answer is incomplete.
// With include_count=true the last line shows it. Errors:
// httpserver.ErrMalformed.
func CheckLines(r *http.Request) error {
	if !r.ProtoAtLeast(1, 1) && r.URL.Query().Get(includeCount) != "true" {
		return errUnseenEnd
	}
	return nil
}

// ServeLines answers with the items of all pages, one per line, as the JSON of
// body's result (application/x-ndjson). With include_count=true in the query, the
// last line is their number, such as {"count":2}. ServeLines holds one page in
// memory. It has no time limit, but ends if the client does not read 4 KiB within
// 30 s. If the first page fails, the answer is a problem; if a later one fails,
// the connection is closed. For HEAD, it reads only the first page. It returns the
// error of a page, of the client's connection, or of CheckLines, for
// httpserver.Fail.
func ServeLines[T any](c *gin.Context, pages iter.Seq2[[]T, error], body func(T) any) error {
	if err := CheckLines(c.Request); err != nil {
		return err
	}
	c.Header("Content-Type", ndjson)
	lines := bufio.NewWriterSize(extending{c.Writer, http.NewResponseController(c.Writer)}, linesPiece)
	encoder := json.NewEncoder(lines)
	encoder.SetEscapeHTML(false)
	count := 0
	for items, err := range pages {
		if err != nil {
			return err
		}
		c.Status(http.StatusOK)
		if c.Request.Method == http.MethodHead {
			return nil
		}
		for _, item := range items {
			if err := encoder.Encode(body(item)); err != nil {
				return err
			}
		}
		count += len(items)
		if err := lines.Flush(); err != nil {
			return err
		}
		c.Writer.Flush() // from here on, a failure aborts the answer
	}
	if c.Query(includeCount) == "true" {
		if err := encoder.Encode(map[string]int{"count": count}); err != nil {
			return err
		}
	}
	return lines.Flush()
}

// extending moves the deadline of an answer with each write.
type extending struct {
	io.Writer
	control *http.ResponseController
}

func (e extending) Write(piece []byte) (int, error) {
	httpserver.Extend(e.control, linesStall)
	return e.Writer.Write(piece)
}
