// Package eventlog is the append-only log that a service writes in the
// transaction of each change. It serves as outbox, feed and history. The
// adapters are sqlitelog and spannerlog; both pass eventlogtest. Relay
// publishes a log on the bus.
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

// Shards is the number of shards of a log that leases, offsets and metrics know.
// It is part of the schema: an event never changes its shard. A log may store
// each of them in several ranges of keys; see spannerlog.
const Shards = 16

// Offset is a position in one shard of a log. Its format belongs to the
// adapter. "" is the position before the first event.
type Offset string

// Entry is an event and its position.
type Entry struct {
	Offset Offset
	events.Event
}

// ShardOffset is the position from which to read a shard.
type ShardOffset struct {
	Shard int
	After Offset
}

// Progress is the position up to which a shard has been published under a
// lease.
type Progress struct {
	Shard int
	Epoch int64 // the epoch of the lease
	UpTo  Offset
}

// Log is the port that a Relay uses. Appending is not part of it, because it
// happens in a transaction of the adapter's database. Every method is safe for
// concurrent use, and returns fault.Unavailable if the database is down.
type Log interface {
	// Read returns at most limit events after the given positions, which belong
	// to different shards in ascending order. The events are ordered by shard
	// and, within a shard, by commit. If Read returns limit events, there may
	// be more in the last event's shard and in the shards after it. An event
	// that commits later never appears before one that was read. Idempotent.
	// One call to the database.
	Read(ctx context.Context, from []ShardOffset, limit int) ([]Entry, error)
	// Claim runs Leases.Claim in one transaction: it gives up the replica's
	// leases of the shards in release, renews the others for LeaseTTL, and
	// takes free shards up to the replica's share. It returns the replica's
	// leases, in the order of the shards, and its share. A replica with more
	// leases than its share is expected to release the surplus. Idempotent.
	Claim(ctx context.Context, replica string, release []int) (leases []Lease, share int, err error)
	// Published returns the offset that SavePublished saved last for each
	// shard. A replica reads it after Claim has given it a lease. Idempotent.
	Published(ctx context.Context) ([Shards]Offset, error)
	// Leave gives up all leases of the replica and its share. Idempotent.
	Leave(ctx context.Context, replica string) error
	// SavePublished saves, in one transaction, the offset up to which each
	// shard has been published, unless a later one is saved already. A shard
	// whose lease has another epoch by now is not changed and is returned as
	// lost. Idempotent.
	SavePublished(ctx context.Context, done []Progress) (lost []int, err error)
	// Wake returns the signal of this process's commits. It is for one relay.
	Wake() *Wake
}

// Wake signals to a relay in which shards its own process has committed events.
type Wake struct {
	shards atomic.Uint32 // one bit for each shard
	c      chan struct{}
}

// NewWake returns a Wake that has not been signalled yet.
func NewWake() *Wake { return &Wake{c: make(chan struct{}, 1)} }

// Notify wakes the relay for the subject's shard. It never blocks.
func (w *Wake) Notify(subject string) {
	w.shards.Or(1 << Shard(subject))
	select {
	case w.c <- struct{}{}:
	default:
	}
}

// C returns a channel that receives a value after Notify. Several calls of
// Notify may be combined into one value.
func (w *Wake) C() <-chan struct{} { return w.c }

// Take returns the shards of all calls of Notify since the last Take, in
// ascending order.
func (w *Wake) Take() (shards []int) {
	for set := w.shards.Swap(0); set != 0; set &= set - 1 {
		shards = append(shards, bits.TrailingZeros32(set))
	}
	return shards
}

// Shard returns the shard of a subject.
func Shard(subject string) int { return int(Hash(subject) % Shards) }

// Hash returns the number that decides where a log stores the events of a
// subject.
func Hash(subject string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(subject))
	return h.Sum32()
}
