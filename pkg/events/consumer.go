package events

import (
	"context"
	"fmt"
	"sync"
)

// Consumer lets each change of a resource take effect once and in order,
// although events come at least once: it keeps the version that it has handled
// last of each subject, drops what is not above it, and notices what is missing
// before it. Tx is the transaction that State runs an effect in.
type Consumer[Tx any] struct {
	// State keeps the last versions. Consumers that share one are one consumer,
	// in as many processes as they like.
	State State[Tx]
	// Apply makes the effect of a change. It is called for one change of a
	// subject at a time, for different subjects at once, and again with a change
	// whose effect was not kept: it failed, or the process died before its
	// version was saved. An effect in tx is kept with the version or not at all,
	// so it happens once; any other should bear repetition.
	Apply func(ctx context.Context, tx Tx, change Decoded) error
	// Gap is called before Apply if versions are missing before a change, and
	// says by nil that Apply may go on from there, which is right for all that
	// needs the newest state alone, as an event carries the whole resource.
	// Without a Gap the change fails with the GapError.
	Gap func(ctx context.Context, tx Tx, gap *GapError) error
}

// GapError is a change before which others are missing: those above Last and
// below Event.Version. That is so for each older resource of which a consumer
// that begins sees the first event (Last is 0 then), and after messages were
// lost, such as by seeking a subscription.
type GapError struct {
	Event Event
	Last  int64 // the last version that was handled, 0 if none was
}

func (e *GapError) Error() string {
	return fmt.Sprintf("event %s follows version %d: what is between is missing", e.Event.ID(), e.Last)
}

// Handle lets a change take effect, unless it has before. It may be called
// concurrently. On an error nothing has changed, and the message is to be
// received again. Errors: GapError, those of Apply, Gap and State.
func (c *Consumer[Tx]) Handle(ctx context.Context, change Decoded) error {
	e := change.Envelope()
	err := c.State.Update(ctx, e.Subject, func(tx Tx, last int64) (int64, error) {
		if e.Version <= last {
			return last, nil
		}
		if e.Version > last+1 {
			if err := c.gap(ctx, tx, &GapError{Event: e, Last: last}); err != nil {
				return last, err
			}
		}
		return e.Version, c.Apply(ctx, tx, change)
	})
	if err != nil {
		return fmt.Errorf("handle event %s: %w", e.ID(), err)
	}
	return nil
}

func (c *Consumer[Tx]) gap(ctx context.Context, tx Tx, gap *GapError) error {
	if c.Gap == nil {
		return gap
	}
	return c.Gap(ctx, tx, gap)
}

// State keeps the last version of each subject that a Consumer has handled,
// also after the resource is deleted: what comes late must not bring it back.
// The implementations are Memory and package sqlstate.
type State[Tx any] interface {
	// Update calls handle with the last version of a subject, 0 if there is
	// none, and keeps the version that it returns together with what it did in
	// tx. If handle fails or panics nothing is kept; Update returns its error.
	// Calls for one subject follow one another, in all processes that share the
	// state.
	Update(ctx context.Context, subject string, handle func(tx Tx, last int64) (version int64, err error)) error
}

// NoTx is the transaction of a State that has none.
type NoTx = struct{}

// Memory is a State that ends with the process, and with it the knowledge of
// what was handled: for effects that end with it too, such as a cache. Its zero
// value is empty and ready for use.
type Memory struct {
	mu       sync.Mutex
	subjects map[string]*memorySubject
}

var _ State[NoTx] = (*Memory)(nil)

type memorySubject struct {
	mu   sync.Mutex
	last int64
}

// Update implements State.
func (m *Memory) Update(_ context.Context, subject string, handle func(tx NoTx, last int64) (int64, error)) error {
	s := m.subject(subject)
	s.mu.Lock()
	defer s.mu.Unlock()
	version, err := handle(NoTx{}, s.last)
	if err != nil {
		return err
	}
	s.last = version
	return nil
}

func (m *Memory) subject(name string) *memorySubject {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.subjects == nil {
		m.subjects = make(map[string]*memorySubject)
	}
	s := m.subjects[name]
	if s == nil {
		s = &memorySubject{}
		m.subjects[name] = s
	}
	return s
}
