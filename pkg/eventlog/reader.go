package eventlog

import (
	"context"
	"sync"
	"time"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
)

// Failures to read from a position.
var (
	// ErrCursorExpired has the name of its problem type.
	ErrCursorExpired = fault.New(fault.NotFound, "cursor-expired",
		"the events after this cursor are not kept any more; read the collection for its present state, and follow the feed from the Concha-Feed-Cursor of its first page")
	ErrPosition = fault.New(fault.Invalid, "invalid-cursor", "the cursor is none of this log")
)

// Position is a place between two events in the one order that a Reader reads
// a log in. The zero Position is before the oldest event that is kept.
type Position struct {
	// Time is when the position was the end of the log, as far as is known. It
	// is good for Retention from then on; if Time is zero, for ever.
	Time time.Time
	// Place belongs to the adapter.
	Place string
}

// Record is an event and the position behind it.
type Record struct {
	Position Position
	events.Event
}

// Page is a part of a log.
type Page struct {
	Records []Record
	// Next is where to go on: behind the last record or, if no more had been
	// committed, behind all that was.
	Next Position
}

// Reader reads a whole log: all of its shards in one order, in which the events
// of one subject are in the order of their versions. An event that commits late
// never comes before a position that was handed out, so whoever follows the
// log from page to page sees every event once. Every method is safe for
// concurrent use and fails with fault.Unavailable if the database is down.
type Reader interface {
	// Page returns at most limit events after a position. It costs the same
	// wherever that is and however long the log. Errors: ErrCursorExpired if
	// the position is older than Retention, or behind an event of a log that was
	// lost and that this one was made in the place of; ErrPosition if it is
	// nobody's.
	Page(ctx context.Context, after Position, limit int) (Page, error)
	// History returns at most limit events of a subject with versions above
	// afterVersion, in their order, also after the subject has been deleted.
	History(ctx context.Context, subject string, afterVersion int64, limit int) ([]Record, error)
	// Since returns a position before the first event whose Time is t or later:
	// after it come all such events and no others, as far as the clock of the log
	// went forwards. An event can be committed a moment after its Time, so who is
	// to miss nothing that was under way goes on from a Head or a page instead.
	Since(ctx context.Context, t time.Time) (Position, error)
	// Head returns the position behind all that is committed, and whether that
	// is more than was at an earlier head; the zero Position will do for one.
	Head(ctx context.Context, earlier Position) (head Position, moved bool, err error)
	// Committed returns a channel that is closed when this process commits an
	// event to the log after the call.
	Committed() <-chan struct{}
}

// Signal tells of something to all that wait for it. The zero Signal is ready
// for use, and safe for concurrent use.
type Signal struct {
	mu      sync.Mutex
	waiting chan struct{} // nil if nobody asked since the last Notify
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

// Next returns a channel that is closed by the next Notify.
func (s *Signal) Next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = make(chan struct{})
	}
	return s.waiting
}
