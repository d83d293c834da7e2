package rest

import (
	"crypto/sha256"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/fault"
)

// maxIdempotencyKey is the maximum length of an Idempotency-Key, in characters.
const maxIdempotencyKey = 255

// IdempotencyKey returns a hash of the method, path, Idempotency-Key and caller
// of a request, which identifies it. The hash is zero if there is no such header.
// Errors: fault.Invalid unless there is one key of 1 to 255 printable ASCII
// characters.
func IdempotencyKey(c *gin.Context) (hash [sha256.Size]byte, err error) {
	keys := c.Request.Header["Idempotency-Key"]
	if len(keys) == 0 {
		return hash, nil
	}
	notPrintable := func(r rune) bool { return r < ' ' || r > '~' }
	if key := keys[0]; len(keys) > 1 || key == "" || len(key) > maxIdempotencyKey || strings.ContainsFunc(key, notPrintable) {
		return hash, fault.Invalidate(fault.Violation{Pointer: "Idempotency-Key", Detail: "must be one key of 1 to 255 printable ASCII characters"})
	}
	identity := c.Request.Method + " " + c.Request.URL.EscapedPath() + "\n" + keys[0]
	if who := caller.From(c.Request.Context()).ID; who != "" {
		identity += "\n" + who // last, because it alone may contain any character
	}
	return sha256.Sum256([]byte(identity)), nil
}

// ErrInProgress refuses a request while the same request is in progress.
var ErrInProgress = fault.New(fault.Conflict, "request-in-progress",
	"a request with this Idempotency-Key is under way; send this one again in a moment to get its answer")

// Flights are the requests in progress in this process, by the hashes of
// IdempotencyKey. They are for expensive requests; cheaper ones that arrive
// twice at once are better processed twice than refused. The zero Flights is
// ready to use. It is safe for concurrent use.
type Flights struct{ keys sync.Map }

// Begin marks a request as in progress until land is called. Requests without a
// key are not limited. Errors: ErrInProgress.
func (f *Flights) Begin(key [sha256.Size]byte) (land func(), err error) {
	if key == ([sha256.Size]byte{}) {
		return func() {}, nil
	}
	if _, underWay := f.keys.LoadOrStore(key, nil); underWay {
		return nil, ErrInProgress
	}
	return func() { f.keys.Delete(key) }, nil
}
