// Package eventlog is the append-only log that each service writes in the
// transaction of the change itself: outbox, feed and history in one. The
// adapters are sqlitelog and spannerlog; both pass eventlogtest. Relay carries
// a log to the bus.
package eventlog

import (
	"context"
	"hash/fnv"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/concha-labs/backend/pkg/events"
)

// Retention is how long an event is kept.
const Retention = 90 * 24 * time.Hour

// Shards is how many shards a log has. It is part of the schema: an event never
// changes its shard.
const Shards = 16

// Cursor is a position in one shard of a log, opaque outside the adapter that
// made it. "" is the position before the first event.
type Cursor string

// Entry is an event at its position.
type Entry struct {
	Cursor Cursor
	events.Event
}

// ShardCursor is where to read on in a shard.
type ShardCursor struct {
	Shard int
	After Cursor
}

// Progress is how far a shard has been published under a lease.
type Progress struct {
	Shard int
	Epoch int64 // of the lease
	UpTo  Cursor
}

// Log is what a Relay needs of a log. Appending belongs to the adapters, as it
// takes part in a transaction of their database. Every method is safe for
// concurrent use and fails with fault.Unavailable if the database is down.
type Log interface {
	// Read returns at most limit events in all that come after the positions,
	// which are of different shards in ascending order. The events come in that
	// order too, those of a shard in the order of their commits; so if there are
	// limit of them, more may follow in the last one's shard and in those after
	// it. An event that commits later never appears before one that was read.
	// One call to the database.
	Read(ctx context.Context, from []ShardCursor, limit int) ([]Entry, error)
	// Claim runs Leases.Claim in one transaction: it gives up the replica's
	// leases of the shards in release, renews the others for LeaseTTL, and takes
	// free shards up to the replica's share. It returns the leases that the
	// replica then has, in the order of their shards, and its share. A replica
	// with more leases than its share is expected to release the surplus.
	Claim(ctx context.Context, replica string, release []int) (leases []Lease, share int, err error)
	// Published returns the cursor that SavePublished saved last for each shard.
	// A replica reads it after Claim gave it a lease.
	Published(ctx context.Context) ([Shards]Cursor, error)
	// Leave gives up all the replica's leases, and its share to the others.
	// Idempotent.
	Leave(ctx context.Context, replica string) error
	// SavePublished saves for each shard the cursor up to which it has been
	// published, unless a later one is saved already, and all in one
	// transaction. A shard whose lease has another epoch by now is left as it
	// is and returned as lost. Idempotent.
	SavePublished(ctx context.Context, done []Progress) (lost []int, err error)
	// Wake is told of each event that this process has committed. It is for one
	// relay.
	Wake() *Wake
}

// Wake tells a relay in which shards its own process has committed events.
type Wake struct {
	shards atomic.Uint32 // a bit for each
	c      chan struct{}
}

// NewWake returns a Wake that nobody has been told of anything yet.
func NewWake() *Wake { return &Wake{c: make(chan struct{}, 1)} }

// Notify wakes the relay for the subject's shard. It never blocks.
func (w *Wake) Notify(subject string) {
	w.shards.Or(1 << Shard(subject))
	select {
	case w.c <- struct{}{}:
	default:
	}
}

// C returns the channel that is sent to after Notify, at least once after the
// last one.
func (w *Wake) C() <-chan struct{} { return w.c }

// Take returns the shards of all Notify since the last Take, in ascending order.
func (w *Wake) Take() (shards []int) {
	for set := w.shards.Swap(0); set != 0; set &= set - 1 {
		shards = append(shards, bits.TrailingZeros32(set))
	}
	return shards
}

// Shard returns the shard that a subject's events are in.
func Shard(subject string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(subject))
	return int(h.Sum32() % Shards)
}
