// Package eventlog is the append-only log that each service writes in the
// transaction of the change itself: outbox, feed and history in one. The
// adapters are sqlitelog and spannerlog; both pass eventlogtest. Relay carries
// a log to the bus.
package eventlog

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/concha-labs/backend/pkg/events"
)

// Retention is how long an event is kept.
const Retention = 90 * 24 * time.Hour

// Cursor is a position in one shard of a log, opaque outside the adapter that
// made it. "" is the position before the first event.
type Cursor string

// Entry is an event at its position.
type Entry struct {
	Cursor Cursor
	events.Event
}

// Log is what a Relay needs of a log. Appending belongs to the adapters, as it
// takes part in a transaction of their database. Every method is safe for
// concurrent use and fails with fault.Unavailable if the database is down.
type Log interface {
	// Read returns at most limit events of a shard after the cursor, in the
	// order of their commits. An event that commits later never appears before
	// one that was read. Events of one subject are all in one shard.
	Read(ctx context.Context, shard int, after Cursor, limit int) ([]Entry, error)
	// Published returns the cursor saved last for a shard, or "".
	Published(ctx context.Context, shard int) (Cursor, error)
	// SavePublished saves the cursor up to which a shard has been published,
	// unless a later one is saved already: a slow replica does not turn the
	// others back. Idempotent.
	SavePublished(ctx context.Context, shard int, upTo Cursor) error
	// Wake has a channel per shard that is sent to after this process has
	// committed an event to that shard.
	Wake() Wake
}

// Wake tells a relay of commits made in its own process: a channel per shard.
type Wake []chan struct{}

// NewWake returns a Wake for a log of that many shards.
func NewWake(shards int) Wake {
	w := make(Wake, shards)
	for i := range w {
		w[i] = make(chan struct{}, 1)
	}
	return w
}

// Notify wakes the relay of the subject's shard. It never blocks.
func (w Wake) Notify(subject string) {
	select {
	case w[Shard(subject, len(w))] <- struct{}{}:
	default:
	}
}

// Shard returns the shard, of so many, that a subject's events are in.
func Shard(subject string, shards int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(subject))
	return int(h.Sum32() % uint32(shards))
}
