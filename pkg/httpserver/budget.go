package httpserver

import (
	"context"
	"math"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// Budget bounds the memory that the request bodies of a process take together,
// with the documents and images in them. A body counts with the bytes that have
// arrived, until its request ends. Safe for concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// DefaultBudget is the usual limit of a Budget, in bytes.
const DefaultBudget = 256 << 20

// NewBudget returns a Budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// otherMemory is how many bytes a process needs for everything else: the images
// that it decodes take up to 360 MiB.
const otherMemory = 384 << 20

// limitHeap makes the garbage collector work harder once the process takes more
// memory than the budget and everything else. Otherwise the heap could grow to
// twice the memory in use. A limit that is set already, as by GOMEMLIMIT, takes
// precedence.
func (b *Budget) limitHeap() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(b.limit + otherMemory)
	}
}

var errBudget = ErrUnavailable.Detailf("the bodies of the requests under way take all the memory that is reserved for them; send this request again later").After(2 * time.Second)

// share is the part of a budget that one request has taken.
type share struct {
	budget *Budget
	taken  atomic.Int64
}

type shareKey struct{}

// begin returns r, if it has a body, with a share of the budget, which is given
// back by end.
func (b *Budget) begin(r *http.Request) (counted *http.Request, end func()) {
	if r.ContentLength == 0 {
		return r, func() {}
	}
	s := &share{budget: b}
	return r.WithContext(context.WithValue(r.Context(), shareKey{}, s)), func() { b.used.Add(-s.taken.Load()) }
}

// TakeBody counts n bytes of a request's body against the budget of the process.
// With n = 0 it reports whether anything is left. Errors: ErrUnavailable if the
// budget is used up.
func TakeBody(ctx context.Context, n int64) error {
	s, ok := ctx.Value(shareKey{}).(*share)
	if !ok {
		return nil
	}
	used := s.budget.used.Add(n)
	if used > s.budget.limit || (n == 0 && used == s.budget.limit) {
		s.budget.used.Add(-n)
		return errBudget
	}
	s.taken.Add(n)
	return nil
}
