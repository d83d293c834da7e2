package events

import (
	"context"
	"fmt"
	"sync"
)

// Consumer applies each change of a resource once and in order, although events
// are delivered at least once. It keeps the last handled version of each
// subject, drops events that are not newer, and detects missing versions. Tx is
// the transaction in which State runs an effect.
type Consumer[Tx any] struct {
	// State keeps the last handled versions. Consumers with the same state, in
	// any number of processes, act as one consumer.
	State State[Tx]
	// Apply applies a change. Calls for one subject are sequential, calls for
	// different subjects concurrent. Apply is called again with the same change
	// if it failed, or if the process died before the version was saved.
	// Effects in tx are committed together with the version, and so happen
	// once. Other effects must be idempotent.
	Apply func(ctx context.Context, tx Tx, change Decoded) error
	// Gap is called before Apply if versions before a change are missing. If it
	// returns nil, Apply is called. That is right for consumers that need only
	// the newest state, because an event carries the whole resource. If Gap is
	// nil, the change fails with the GapError.
	Gap func(ctx context.Context, tx Tx, gap *GapError) error
}

// GapError means that versions between Last and Event.Version are missing. A
// new consumer gets it for the first event of each older resource, with a Last
// of 0. It also occurs after messages were lost, for example by seeking a
// subscription.
type GapError struct {
	Event Event
	Last  int64 // the last handled version, or 0
}

func (e *GapError) Error() string {
	return fmt.Sprintf("event %s follows version %d: what is between is missing", e.Event.ID(), e.Last)
}

// Handle applies a change unless it was applied before. It is safe for
// concurrent use and idempotent. After an error nothing has changed, and the
// message has to be delivered again. Errors:
//   - *GapError: versions are missing, and Gap is nil.
//   - the errors of Apply, Gap and State, wrapped.
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

// State keeps the last handled version of each subject. It keeps the versions
// of deleted resources too, so that a late event does not restore them. The
// implementations are Memory and package sqlstate.
type State[Tx any] interface {
	// Update calls handle with the last version of a subject, or 0, and stores
	// the version that handle returns together with the effects in tx. If
	// handle fails or panics, nothing is stored, and Update returns the error.
	// Calls for one subject are sequential across all processes that share the
	// state. Update is safe for concurrent use.
	Update(ctx context.Context, subject string, handle func(tx Tx, last int64) (version int64, err error)) error
}

// NoTx is the transaction type of a State without transactions.
type NoTx = struct{}

// Memory is a State that is lost with the process. It suits effects that are
// lost with it too, such as a cache. The zero value is empty and ready to use.
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
