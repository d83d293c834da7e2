package httpserver

import (
	"crypto/sha256"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
)

// maxIdempotencyKey is the longest Idempotency-Key, in characters.
const maxIdempotencyKey = 255

// IdempotencyKey returns the hash of what makes a request known again, its
// method, path and Idempotency-Key; zero if it has no such header. Errors:
// fault.Invalid unless there is one key, of 1..255 printable ASCII characters.
func IdempotencyKey(c *gin.Context) (hash [sha256.Size]byte, err error) {
	keys := c.Request.Header["Idempotency-Key"]
	if len(keys) == 0 {
		return hash, nil
	}
	notPrintable := func(r rune) bool { return r < ' ' || r > '~' }
	if key := keys[0]; len(keys) > 1 || key == "" || len(key) > maxIdempotencyKey || strings.ContainsFunc(key, notPrintable) {
		return hash, fault.Invalidate(fault.Violation{Pointer: "Idempotency-Key", Detail: "must be one key of 1 to 255 printable ASCII characters"})
	}
	return sha256.Sum256([]byte(c.Request.Method + " " + c.Request.URL.EscapedPath() + "\n" + keys[0])), nil
}
