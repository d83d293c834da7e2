package feed

import (
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/concha-labs/backend/pkg/eventlog"
)

const (
	// ringBytes bounds the size of a ring. Followers that are further behind
	// read the log.
	ringBytes = 8 << 20
	// recordBytes is the size of a record besides its data.
	recordBytes = 400
	// maxOrigins bounds the origins for which a chunk is kept as it is sent.
	// Clients choose them if the public URL is taken from the request.
	maxOrigins = 4
)

// ring holds the newest events of a log. Safe for concurrent use.
type ring struct {
	log eventlog.Reader

	mu         sync.Mutex
	change     chan struct{} // closed when events are added, or at a failure
	start, end eventlog.Position
	chunks     []*chunk // the events after start, up to end
	first      int      // the number of chunks[0]
	size       int      // of all chunks
	err        error
}

// chunk is a part of the log.
type chunk struct {
	eventlog.Page
	size int // as it was read and as it is sent

	mu   sync.Mutex
	sent map[string]*batch // by origin
}

// spot is the place of a follower. It remembers the number of the chunk that
// follows, so that only the first search for a chunk compares positions.
type spot struct {
	at    eventlog.Position
	next  int
	known bool
}

func newRing(log eventlog.Reader) ring {
	return ring{log: log, change: make(chan struct{})}
}

// begin sets the position at which the ring begins.
func (r *ring) begin(at eventlog.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start, r.end = at, at
}

// last returns the position up to which the ring has the events of the log.
func (r *ring) last() eventlog.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end
}

// fail ends the ring. Its followers receive err.
func (r *ring) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	close(r.change)
	r.change = make(chan struct{})
}

func (r *ring) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// add appends the page after the last position.
func (r *ring) add(page eventlog.Page) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end = page.Next
	if len(page.Records) == 0 {
		return
	}
	c := &chunk{Page: page, sent: make(map[string]*batch)}
	for _, e := range page.Records {
		c.size += 2 * (len(e.Data) + recordBytes)
		if strings.HasSuffix(e.Type, ".deleted.v1") {
			r.forget(e.Subject)
		}
	}
	r.chunks = append(r.chunks, c)
	r.size += c.size
	for r.size > ringBytes && len(r.chunks) > 1 {
		r.shift(1)
	}
	close(r.change)
	r.change = make(chan struct{})
}

// forget drops the chunks up to the last one with an event of a subject. The
// subject has been deleted, and its payloads are erased from the log.
func (r *ring) forget(subject string) {
	for i, c := range slices.Backward(r.chunks) {
		if slices.ContainsFunc(c.Records, func(e eventlog.Record) bool { return e.Subject == subject }) {
			r.shift(i + 1)
			return
		}
	}
}

// shift drops the oldest n chunks.
func (r *ring) shift(n int) {
	for _, c := range r.chunks[:n] {
		r.size -= c.size
		r.start = c.Next
	}
	clear(r.chunks[:n])
	r.chunks = r.chunks[n:]
	r.first += n
}

// after returns the chunk with the next events after s and the number of its
// events that are not after s, and moves s to the end of the chunk. If the ring
// has no event after s, after moves s to the end of the ring and returns a
// channel that is closed when there may be one. If the ring begins after s, it
// returns neither: the follower has to read the log. Errors: the one that ended
// the ring.
func (r *ring) after(s *spot) (c *chunk, skip int, changed <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, 0, nil, r.err
	}
	exact := s.known
	if !exact {
		if r.log.Compare(s.at, r.start) < 0 {
			return nil, 0, nil, nil
		}
		s.next = r.first + sort.Search(len(r.chunks), func(i int) bool {
			return r.log.Compare(s.at, r.chunks[i].last()) < 0
		})
	}
	switch i := s.next - r.first; {
	case i < 0:
		s.known = false
		return nil, 0, nil, nil
	case i < len(r.chunks):
		c = r.chunks[i]
		if !exact {
			skip = sort.Search(len(c.Records), func(i int) bool { return r.log.Compare(s.at, c.Records[i].Position) < 0 })
		}
		*s = spot{at: c.Next, next: s.next + 1, known: true}
		return c, skip, nil, nil
	}
	if r.log.Compare(s.at, r.end) <= 0 { // otherwise, the follower has read the log after the ring
		s.at, s.known = r.end, true
	}
	return nil, 0, r.change, nil
}

// refresh moves a follower that is at the end of the log to the present end. It
// returns false if changed, which after returned, is closed.
func (r *ring) refresh(s *spot, changed <-chan struct{}) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.change != changed {
		return false
	}
	if s.known {
		s.at = r.end
	}
	return true
}

// endsAt reports whether p is the end of the ring, as a client got it from this
// feed.
func (r *ring) endsAt(p eventlog.Position) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err == nil && p.Place == r.end.Place && r.end.Time.Sub(p.Time) < eventlog.Retention
}

func (c *chunk) last() eventlog.Position { return c.Records[len(c.Records)-1].Position }

// batch returns the chunk as it is sent to clients that use the API under
// origin.
func (c *chunk) batch(f *Feed, origin string) (*batch, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := c.sent[origin]; b != nil {
		return b, nil
	}
	b, err := f.encode(c.Page, origin)
	if err == nil && len(c.sent) < maxOrigins {
		c.sent[origin] = b
	}
	return b, err
}
