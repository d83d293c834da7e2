package httpserver

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Budget bounds the memory that the request bodies of a process take together,
// with the documents and images in them. A body counts, until its request ends, with
// the bytes that have arrived, and a large one for some seconds with those that it
// announced: it is refused before it is read, and not when half of it has arrived.
// Safe for concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// DefaultBudget is the usual limit of a Budget, in bytes.
const DefaultBudget = 256 << 20

// NewBudget returns a Budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

var errBudget = ErrUnavailable.Detailf("the bodies of the requests under way take all the memory that is reserved for them; send this request again later").After(2 * time.Second)

const (
	// shortBody is the length of a body that reserves nothing.
	shortBody = 128 << 10
	// forShort is the part of a budget that is not reserved for long bodies.
	forShort = 8 // 1 / 8
	// reservedFor is how long a body may count with its announced length. A client that
	// sends nothing keeps others from sending theirs for no longer.
	reservedFor = 10 * time.Second
)

// share is the part of a budget that one request has taken.
type share struct {
	budget *Budget

	mu       sync.Mutex
	taken    int64 // bytes that have arrived
	reserved int64 // bytes that have not
	lapses   *time.Timer
}

type shareKey struct{}

// begin returns r, if it has a body, with a share of the budget, which is given
// back by end.
func (b *Budget) begin(r *http.Request) (counted *http.Request, end func()) {
	if r.ContentLength == 0 {
		return r, func() {}
	}
	s := &share{budget: b}
	return r.WithContext(context.WithValue(r.Context(), shareKey{}, s)), s.end
}

func (s *share) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lapses != nil {
		s.lapses.Stop()
	}
	s.budget.used.Add(-s.taken - s.reserved)
	s.taken, s.reserved = 0, 0
}

func (s *share) lapse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budget.used.Add(-s.reserved)
	s.reserved = 0
}

// ReserveBody reserves room in the budget of the process for a request's body that
// takes n bytes, before it is read. It is called once. Room that is not taken within
// 10 seconds is free again. For a short body, or one of unknown length (0), it
// reserves nothing and reports whether anything is left; long bodies leave an eighth
// of the budget for such. Errors: ErrUnavailable.
func ReserveBody(ctx context.Context, n int64) error {
	s, ok := ctx.Value(shareKey{}).(*share)
	if !ok {
		return nil
	}
	if n <= shortBody {
		if s.budget.used.Load() >= s.budget.limit {
			return errBudget
		}
		return nil
	}
	if s.budget.used.Add(n) > s.budget.limit-s.budget.limit/forShort {
		s.budget.used.Add(-n)
		return errBudget
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved = n
	s.lapses = time.AfterFunc(reservedFor, s.lapse)
	return nil
}

// TakeBody counts n bytes of a request's body that have arrived against the budget of
// the process. Errors: ErrUnavailable if they are not reserved, and the budget is used
// up.
func TakeBody(ctx context.Context, n int64) error {
	s, ok := ctx.Value(shareKey{}).(*share)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	more := n - min(n, s.reserved)
	if more > 0 && s.budget.used.Add(more) > s.budget.limit {
		s.budget.used.Add(-more)
		return errBudget
	}
	s.reserved -= n - more
	s.taken += n
	return nil
}
