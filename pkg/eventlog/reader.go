package eventlog

import (
	"context"
	"sync"
	"time"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/list"
)

// The errors of reading from a position.
var (
	// ErrCursorExpired is named after its problem type.
	ErrCursorExpired = fault.New(fault.NotFound, "cursor-expired",
		"the events after this cursor are no longer kept; read the collection for its present state, and follow the feed from the Concha-Feed-Cursor of its first page")
	ErrPosition = fault.New(fault.Invalid, "invalid-cursor", "the cursor does not belong to this feed")
)

// Position is a place between two events in the order in which a Reader reads a
// log. It expires Retention after its Time; a position with a zero Time never
// expires.
type Position = list.Position

// Record is an event and the position after it.
type Record struct {
	Position Position
	events.Event
}

// Page is a part of a log.
type Page struct {
	Records []Record
	// Next is the position from which to continue: after the last record or, if
	// the page has all committed events, at the end of the log.
	Next Position
}

// Reader reads a whole log, all shards in one order. The events of one subject
// are in the order of their versions. An event that commits late never comes
// before a position that was returned earlier, so a client that follows the log
// from page to page sees every event once. Every method is idempotent and safe
// for concurrent use, and returns fault.Unavailable if the database is down.
type Reader interface {
	// Page returns at most limit events after a position. Its cost depends
	// neither on the position nor on the length of the log. Errors:
	//   - ErrCursorExpired: the position is older than Retention, or it belongs
	//     to a log that was lost and that this log replaces.
	//   - ErrPosition: the position is malformed, or does not exist.
	Page(ctx context.Context, after Position, limit int) (Page, error)
	// History returns at most limit events of a subject with versions above
	// afterVersion, in the order of the versions. It also works after the
	// subject has been deleted.
	History(ctx context.Context, subject string, afterVersion int64, limit int) ([]Record, error)
	// Since returns the position before the first event whose Time is t or
	// later. The events after it are exactly those, provided that the clock of
	// the log did not go backwards. An event may be committed shortly after its
	// Time. A client that must not miss an event that was under way continues
	// from a Head or a page instead.
	Since(ctx context.Context, t time.Time) (Position, error)
	// Head returns the position after all committed events. moved reports
	// whether it is after an earlier head, which may be the zero Position.
	Head(ctx context.Context, earlier Position) (head Position, moved bool, err error)
	// Compare returns a negative number if a is before b, a positive one if it
	// is after b, and otherwise 0. Both must be positions of this log.
	Compare(a, b Position) int
	// Committed returns a channel that is closed when this process commits an
	// event after the call.
	Committed() <-chan struct{}
}

// Signal wakes all goroutines that wait for it. The zero Signal is ready to
// use. It is safe for concurrent use.
type Signal struct {
	mu      sync.Mutex
	waiting chan struct{} // nil if Next was not called since the last Notify
}

// Notify closes the channel that Next returned. It never blocks.
func (s *Signal) Notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting != nil {
		close(s.waiting)
		s.waiting = nil
	}
}

// Next returns a channel that the next Notify closes.
func (s *Signal) Next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = make(chan struct{})
	}
	return s.waiting
}
