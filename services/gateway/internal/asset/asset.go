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
// its hash, and with the Content-Security-Policy policy. Browsers keep the
// content and ask each time whether it has changed. It calls content once, on
// the first request.
func Serve(contentType, policy string, content func() []byte) gin.HandlerFunc {
	return serve(contentType, policy, "no-cache", content)
}

// ServeForever is Serve for a URL that never has other content. Browsers keep
// the content for a year and do not ask again.
func ServeForever(contentType, policy string, content func() []byte) gin.HandlerFunc {
	return serve(contentType, policy, "public, max-age=31536000, immutable", content)
}

func serve(contentType, policy, caching string, content func() []byte) gin.HandlerFunc {
	document := sync.OnceValues(func() (body []byte, etag string) {
		body = content()
		return body, strconv.Quote(Hash(body))
	})
	return func(c *gin.Context) {
		body, etag := document()
		header := c.Writer.Header()
		header.Set("Cache-Control", caching)
		header.Set("Content-Security-Policy", policy)
		if rest.Conditional(c, etag) {
			return
		}
		header.Set("ETag", etag)
		header.Set("Content-Length", strconv.Itoa(len(body)))
		c.Data(http.StatusOK, contentType, body)
	}
}

// Hash returns 16 hexadecimal digits of the SHA-256 hash of content.
func Hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// Constant returns a function that returns content.
func Constant(content []byte) func() []byte {
	return func() []byte { return content }
}
