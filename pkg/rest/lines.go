package rest

import (
	"encoding/json"
	"iter"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
)

// linesStall is how long a client may read nothing.
const linesStall = 30 * time.Second

// ServeLines answers with the items of all pages, each as the JSON of what body
// makes of it, on a line of its own (application/x-ndjson). It holds one page in
// memory, and may take longer than other answers, until the client reads nothing
// for 30 s. If the first page fails, the answer is the problem; if
// a later one does, the connection is cut. For HEAD, it reads the first page
// alone.
func ServeLines[T any](c *gin.Context, pages iter.Seq2[[]T, error], body func(T) any) {
	c.Header("Content-Type", ndjson)
	control := http.NewResponseController(c.Writer)
	_ = control.SetReadDeadline(time.Time{}) // not all writers of tests can
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
		c.Writer.Flush() // from here on, a failure cuts the answer off
	}
}
