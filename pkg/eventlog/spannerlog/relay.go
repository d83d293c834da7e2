package spannerlog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

// Wake implements eventlog.Log.
func (l *Log) Wake() *eventlog.Wake { return l.wake }

// Read implements eventlog.Log with one read of the table, in the order of its
// key.
func (l *Log) Read(ctx context.Context, from []eventlog.ShardOffset, limit int) (entries []eventlog.Entry, err error) {
	var ranges []spanner.KeySet
	for _, at := range from {
		shard := spanner.Key{int64(at.Shard)}
		keys := spanner.KeyRange{Start: shard, End: shard, Kind: spanner.ClosedClosed}
		if at.After != "" {
			last, err := fromOffset(at.After)
			if err != nil {
				return nil, err
			}
			keys.Start, keys.Kind = append(keys.Start, last...), spanner.OpenClosed
		}
		ranges = append(ranges, keys)
	}
	err = l.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		entries = nil
		return tx.ReadWithOptions(ctx, "EventLog", spanner.KeySets(ranges...), columns[1:], &spanner.ReadOptions{Limit: limit}).Do(func(r *spanner.Row) error {
			var e eventlog.Entry
			var payload string
			if err := r.Columns(&e.Time, &e.Subject, &e.Version, &e.Type, &payload, &e.Traceparent); err != nil {
				return err
			}
			e.Time, e.Data, e.Offset = e.Time.UTC(), []byte(payload), toOffset(e.Event)
			entries = append(entries, e)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return entries, nil
}

// loaded is the leases in the database, and the time of the database.
type loaded struct {
	eventlog.Leases
	rows [eventlog.Shards]bool // whether the shard has a row in EventLogPublished
	now  time.Time
}

// load reads the leases with one query. Spanner's clock decides which have
// expired, so the clocks of the replicas need not agree. The query omits the
// column Cursor: Spanner locks columns, so a claim does not hold up
// SavePublished.
func load(ctx context.Context, tx *spannerdb.Tx) (*loaded, error) {
	l := &loaded{Leases: eventlog.Leases{Expires: make(map[string]time.Time)}}
	err := tx.Query(ctx, spanner.NewStatement(`SELECT CURRENT_TIMESTAMP(),
		ARRAY(SELECT AS STRUCT Replica, Expires FROM EventLogReplicas),
		ARRAY(SELECT AS STRUCT Shard, IFNULL(Owner, '') AS Owner, IFNULL(Epoch, 0) AS Epoch FROM EventLogPublished)`,
	)).Do(func(r *spanner.Row) error {
		var replicas []*struct {
			Replica string
			Expires time.Time
		}
		var shards []*struct {
			Shard, Epoch int64
			Owner        string
		}
		if err := r.Columns(&l.now, &replicas, &shards); err != nil {
			return err
		}
		for _, replica := range replicas {
			l.Expires[replica.Replica] = replica.Expires
		}
		for _, s := range shards {
			if !known(s.Shard) {
				continue
			}
			l.Shards[s.Shard] = eventlog.Ownership{Owner: s.Owner, Epoch: s.Epoch}
			l.rows[s.Shard] = true
		}
		return nil
	})
	return l, err
}

// known reports whether a shard is one of this release. A later release may have
// more, and its replicas publish them.
func known(shard int64) bool { return shard >= 0 && shard < eventlog.Shards }

// save writes the differences from before.
func (l *loaded) save(tx *spannerdb.Tx, before eventlog.Leases) error {
	var changes []*spanner.Mutation
	for replica, expires := range l.Expires {
		if !expires.Equal(before.Expires[replica]) {
			changes = append(changes, spanner.InsertOrUpdate("EventLogReplicas",
				[]string{"Replica", "Expires"}, []any{replica, expires}))
		}
	}
	for replica := range before.Expires {
		if _, remains := l.Expires[replica]; !remains {
			changes = append(changes, spanner.Delete("EventLogReplicas", spanner.Key{replica}))
		}
	}
	for shard, s := range l.Shards {
		switch {
		case s == before.Shards[shard]:
		case l.rows[shard]:
			changes = append(changes, spanner.Update("EventLogPublished",
				[]string{"Shard", "Owner", "Epoch"}, []any{int64(shard), s.Owner, s.Epoch}))
		default:
			changes = append(changes, spanner.Insert("EventLogPublished",
				[]string{"Shard", "Cursor", "Owner", "Epoch"}, []any{int64(shard), "", s.Owner, s.Epoch}))
		}
	}
	return tx.BufferWrite(changes)
}

// change runs do on the leases, in a transaction of two calls.
func (l *Log) change(ctx context.Context, do func(*loaded)) error {
	return l.db.ReadWrite(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		leases, err := load(ctx, tx)
		if err != nil {
			return err
		}
		before := eventlog.Leases{Expires: maps.Clone(leases.Expires), Shards: leases.Shards}
		do(leases)
		return leases.save(tx, before)
	})
}

// Claim implements eventlog.Log.
func (l *Log) Claim(ctx context.Context, replica string, release []int) (leases []eventlog.Lease, share int, err error) {
	err = l.change(ctx, func(current *loaded) {
		share = current.Claim(replica, release, current.now)
		leases = current.Owned(replica)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("claim leases: %w", err)
	}
	return leases, share, nil
}

// Published implements eventlog.Log with one read.
func (l *Log) Published(ctx context.Context) (offsets [eventlog.Shards]eventlog.Offset, err error) {
	err = l.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		return tx.Read(ctx, "EventLogPublished", spanner.AllKeys(), []string{"Shard", "Cursor"}).Do(func(r *spanner.Row) error {
			var shard int64
			var saved string
			if err := r.Columns(&shard, &saved); err != nil {
				return err
			}
			if known(shard) {
				offsets[shard] = eventlog.Offset(saved)
			}
			return nil
		})
	})
	if err != nil {
		return offsets, fmt.Errorf("read the published offsets: %w", err)
	}
	return offsets, nil
}

// Leave implements eventlog.Log.
func (l *Log) Leave(ctx context.Context, replica string) error {
	if err := l.change(ctx, func(current *loaded) { current.Leave(replica) }); err != nil {
		return fmt.Errorf("give up leases: %w", err)
	}
	return nil
}

// SavePublished implements eventlog.Log.
func (l *Log) SavePublished(ctx context.Context, done []eventlog.Progress) (lost []int, err error) {
	next := make(map[int64]eventlog.Progress, len(done))
	var keys []spanner.KeySet
	for _, p := range done {
		if _, err := fromOffset(p.UpTo); err != nil {
			return nil, err
		}
		next[int64(p.Shard)] = p
		keys = append(keys, spanner.Key{int64(p.Shard)})
	}
	err = l.db.ReadWrite(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		lost = nil
		for _, p := range done {
			lost = append(lost, p.Shard)
		}
		var saves []*spanner.Mutation
		err := tx.Read(ctx, "EventLogPublished", spanner.KeySets(keys...), []string{"Shard", "Epoch", "Cursor"}).Do(func(r *spanner.Row) error {
			var shard int64
			var epoch spanner.NullInt64
			var saved string
			if err := r.Columns(&shard, &epoch, &saved); err != nil {
				return err
			}
			p := next[shard]
			if epoch.Int64 != p.Epoch {
				return nil
			}
			lost = slices.DeleteFunc(lost, func(shard int) bool { return shard == p.Shard })
			later, err := isLater(p.UpTo, eventlog.Offset(saved))
			if later {
				saves = append(saves, spanner.Update("EventLogPublished", []string{"Shard", "Cursor"}, []any{shard, string(p.UpTo)}))
			}
			return err
		})
		if err != nil {
			return err
		}
		return tx.BufferWrite(saves)
	})
	if err != nil {
		return nil, fmt.Errorf("save the published offsets: %w", err)
	}
	return lost, nil
}

// isLater reports whether offset a comes after offset b.
func isLater(a, b eventlog.Offset) (bool, error) {
	if b == "" {
		return true, nil
	}
	x, err := fromOffset(a)
	if err != nil {
		return false, err
	}
	y, err := fromOffset(b)
	if err != nil {
		return false, err
	}
	return cmp.Or(
		x[0].(time.Time).Compare(y[0].(time.Time)),
		strings.Compare(x[1].(string), y[1].(string)),
		cmp.Compare(x[2].(int64), y[2].(int64)),
	) > 0, nil
}
