package rest

import (
	"crypto/sha256"
	"strings"
	"sync"

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

// ErrInProgress refuses a request while the same one is under way.
var ErrInProgress = fault.New(fault.Conflict, "request-in-progress",
	"the same request, by its Idempotency-Key, is under way; send it again in a moment to get its answer")

// Flights are the requests under way in this process, by the hashes of
// IdempotencyKey. They are for requests of much work: others that come twice at
// once are better done twice than refused. The zero Flights is ready for use,
// and safe for concurrent use.
type Flights struct{ keys sync.Map }

// Begin has a request be under way until land is called. One without a key may
// be so any number of times. Errors: ErrInProgress.
func (f *Flights) Begin(key [sha256.Size]byte) (land func(), err error) {
	if key == ([sha256.Size]byte{}) {
		return func() {}, nil
	}
	if _, underWay := f.keys.LoadOrStore(key, nil); underWay {
		return nil, ErrInProgress
	}
	return func() { f.keys.Delete(key) }, nil
}
