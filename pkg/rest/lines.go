package rest

import (
	"encoding/json"
	"iter"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
)

// linesStall is how long a client may go without reading.
const linesStall = 30 * time.Second

// ServeLines answers with the items of all pages, one per line, as the JSON of
// body's result (application/x-ndjson). It holds one page in memory. It has no
// time limit, but ends if the client does not read for 30 s. If the first page
// fails, the answer is a problem; if a later one fails, the connection is
// closed. For HEAD, it reads only the first page.
func ServeLines[T any](c *gin.Context, pages iter.Seq2[[]T, error], body func(T) any) {
	c.Header("Content-Type", ndjson)
	control := http.NewResponseController(c.Writer)
	_ = control.SetReadDeadline(time.Time{}) // fails on some response writers of tests
	encoder := json.NewEncoder(c.Writer)
	encoder.SetEscapeHTML(false)
	for items, err := range pages {
		if err != nil {
			httpserver.Fail(c, err)
			return
		}
		c.Status(http.StatusOK)
		if c.Request.Method == http.MethodHead {
			return
		}
		for _, item := range items {
			_ = control.SetWriteDeadline(time.Now().Add(linesStall))
			if err := encoder.Encode(body(item)); err != nil {
				httpserver.Fail(c, err)
				return
			}
		}
		c.Writer.Flush() // from here on, a failure aborts the answer
	}
}
