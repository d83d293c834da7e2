// Package asset serves embedded documents, which browsers keep until they
// change.
package asset

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/rest"
)

// Serve returns a handler that answers with the content under an ETag made of
// its hash, and with the Content-Security-Policy policy. It calls content once,
// on the first request.
func Serve(contentType, policy string, content func() []byte) gin.HandlerFunc {
	document := sync.OnceValues(func() (body []byte, etag string) {
		body = content()
		sum := sha256.Sum256(body)
		return body, strconv.Quote(hex.EncodeToString(sum[:8]))
	})
	return func(c *gin.Context) {
		body, etag := document()
		header := c.Writer.Header()
		header.Set("Cache-Control", "no-cache") // may be stored, but must be revalidated
		header.Set("Content-Security-Policy", policy)
		if rest.Conditional(c, etag) {
			return
		}
		header.Set("ETag", etag)
		header.Set("Content-Length", strconv.Itoa(len(body)))
		c.Data(http.StatusOK, contentType, body)
	}
}

// Constant returns a function that returns content.
func Constant(content []byte) func() []byte {
	return func() []byte { return content }
}
