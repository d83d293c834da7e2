package spannerlog

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

// The log is stored in shards: ranges of keys, to which Spanner writes
// independently of each other. There are eventlog.Shards of them at first, and
// Grow adds more. A subject has its events in shard Hash mod number. So shard n
// belongs to the group n mod eventlog.Shards, which does not change. Package
// eventlog calls a group a shard.
//
// Replicas need not agree on the number. Writers may use an old one, because
// readers merge the shards of a group by commit timestamp. Readers must know
// every shard that has an event. So Grow adds a marker to the table: a row whose
// shard is the negative number of shards. Each read includes the markers of
// higher numbers than the process knows. If it finds one, it is repeated. The
// marker and the events are read at one timestamp, and an event in a new shard
// is committed after the marker, so no read sees the event without the marker.
//
// A marker expires like an event, so a process takes its first number from the
// table EventLogShards.

// maxShards is bounded by the 200 unions and 1,000 functions that a query may have.
const maxShards = 128

// transaction is a transaction of any kind.
type transaction interface {
	Read(ctx context.Context, table string, keys spanner.KeySet, columns []string) *spanner.RowIterator
}

// whole runs read with the number of shards, and again whenever the process has
// learned of a higher number meanwhile. It costs no call after the first one of
// the process. tx is nil outside of a transaction.
func (l *Log) whole(ctx context.Context, tx transaction, read func(shards int64) error) error {
	for {
		shards, err := l.known(ctx, tx)
		if err != nil {
			return fmt.Errorf("read the number of shards: %w", err)
		}
		if err := read(shards); err != nil {
			return err
		}
		if l.shards.Load() == shards {
			return nil
		}
	}
}

func (l *Log) known(ctx context.Context, tx transaction) (shards int64, err error) {
	if shards = l.shards.Load(); shards > 0 {
		return shards, nil
	}
	read := func(ctx context.Context, tx transaction) error {
		shards = eventlog.Shards
		return tx.Read(ctx, "EventLogShards", spanner.AllKeys(), []string{"Shards"}).Do(func(r *spanner.Row) error {
			var n int64
			err := r.Columns(&n)
			shards = max(shards, n)
			return err
		})
	}
	if tx != nil {
		err = read(ctx, tx)
	} else {
		err = l.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error { return read(ctx, tx) })
	}
	if err != nil {
		return 0, err
	}
	l.learn(shards)
	return l.shards.Load(), nil
}

// learn notes that there are at least so many shards.
func (l *Log) learn(shards int64) {
	for {
		known := l.shards.Load()
		if known >= shards || l.shards.CompareAndSwap(known, shards) {
			return
		}
	}
}

// isMarker reports whether a row is a marker, and learns its number.
func (l *Log) isMarker(shard int64) bool {
	if shard < 0 {
		l.learn(-shard)
	}
	return shard < 0
}

// markers is the keys of the markers above a number of shards, in the table and in
// its index.
func markers(above int64) spanner.KeySet {
	return spanner.KeyRange{Start: spanner.Key{int64(math.MinInt64)}, End: spanner.Key{-above}, Kind: spanner.ClosedOpen}
}

// union returns a query for columns that has a part for each shard, and a marker
// above @shards if there is one. part returns the text after FROM EventLog.
func union(columns []string, shards []int64, part func(shard int64) string) string {
	selected := "SELECT " + strings.Join(columns, ", ") + " FROM EventLog"
	parts := []string{"(" + selected + " WHERE Shard < -@shards ORDER BY Shard LIMIT 1)"}
	for _, shard := range shards {
		parts = append(parts, "("+selected+part(shard)+")")
	}
	return strings.Join(parts, "\nUNION ALL\n")
}

// group returns the group of a shard.
func group(shard int64) int64 { return shard % eventlog.Shards }

// shardOf returns the shard of a subject.
func shardOf(subject string, shards int64) int64 { return int64(eventlog.Hash(subject)) % shards }

// shardsOf returns all shards in which a subject may have events.
func shardsOf(subject string, shards int64) (all []int64) {
	for n := int64(eventlog.Shards); n <= shards; n *= 2 {
		all = append(all, shardOf(subject, n))
	}
	return slices.Compact(all) // they ascend
}

// shardsIn returns the shards of a group.
func shardsIn(group int, shards int64) (all []int64) {
	for shard := int64(group); shard < shards; shard += eventlog.Shards {
		all = append(all, shard)
	}
	return all
}

// Grow stores the log in n shards from now on: 16, 32, 64 or 128. It returns the
// number before. Events stay where they are, and all positions and offsets stay
// valid. Readers of this release notice the new shards with their next read.
// Writers use them at the latest after their next Claim.
//
// Replicas of a release without Grow do not notice. Grow fails while one has
// leases, and takes all places that such a release knows of. A replica of it
// that starts later, or that was expired, gets no lease. Its feed would lack the
// events in new shards.
func (l *Log) Grow(ctx context.Context, n int) (before int, err error) {
	if n < eventlog.Shards || n > maxShards || n&(n-1) != 0 {
		return 0, fmt.Errorf("the number of shards must be 16, 32, 64 or 128, and not %d", n)
	}
	err = l.db.ReadWrite(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		leases, err := load(ctx, tx)
		if err != nil {
			return err
		}
		if before = int(leases.shards); n == before {
			return nil
		}
		held := leases.copy()
		leases.Expire(leases.now)
		switch older := leases.older(); {
		case n < before:
			return fmt.Errorf("the log has %d shards, which have events: the number only grows", before)
		case older > 0:
			return fmt.Errorf("%d replicas of an older release are running, which do not notice new shards: replace them, and try again %v after they have stopped", older, eventlog.LeaseTTL)
		}
		if err := leases.save(tx, held); err != nil {
			return err
		}
		return tx.BufferWrite(growth(int64(n)))
	})
	if err != nil {
		return before, fmt.Errorf("grow the event log: %w", err)
	}
	l.learn(int64(n))
	return before, nil
}

// reserved begins the names of the replicas that Grow registers.
const reserved = "reserved/"

// growth returns the rows of a growth to n shards.
func growth(n int64) []*spanner.Mutation {
	changes := []*spanner.Mutation{
		spanner.Insert("EventLogShards", []string{"Shards", "AddedAt"}, []any{n, spanner.CommitTimestamp}),
		spanner.Insert("EventLog", columns, []any{-n, spanner.CommitTimestamp, "shards", n, "shards", "", ""}),
	}
	never := time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
	for place := range eventlog.Shards {
		changes = append(changes, spanner.InsertOrUpdate("EventLogReplicas",
			[]string{"Replica", "Expires"}, []any{fmt.Sprintf("%s%02d", reserved, place), never}))
	}
	return changes
}
