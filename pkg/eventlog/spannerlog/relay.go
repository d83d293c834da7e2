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
// key. If there are more than 16 shards and that read is full, further calls read
// one group each.
func (l *Log) Read(ctx context.Context, from []eventlog.ShardOffset, limit int) (entries []eventlog.Entry, err error) {
	after := make([]offset, len(from))
	for i, at := range from {
		if after[i], err = fromOffset(at.After); err != nil {
			return nil, err
		}
	}
	err = l.whole(ctx, nil, func(shards int64) error {
		ranges := []spanner.KeySet{markers(shards)}
		for i, at := range from {
			for _, shard := range shardsIn(at.Shard, shards) {
				ranges = append(ranges, spanner.KeyRange{
					Start: spanner.Key{shard, after[i].commit, after[i].subject, after[i].version}, End: spanner.Key{shard}, Kind: spanner.OpenClosed,
				})
			}
		}
		most := limit * int(shards) / eventlog.Shards
		var found []stored
		err := l.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) (err error) {
			found, err = l.stored(tx.ReadWithOptions(ctx, "EventLog", spanner.KeySets(ranges...), columns, &spanner.ReadOptions{Limit: most}))
			return err
		})
		if err == nil && shards > eventlog.Shards && len(found) == most {
			found, err = l.groups(ctx, from, after, shards, limit)
		}
		slices.SortFunc(found, byGroup)
		entries = nil
		for _, s := range found[:min(limit, len(found))] {
			entries = append(entries, eventlog.Entry{Event: s.Event, Offset: toOffset(s.Event)})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return entries, nil
}

// groups returns the first limit events, in the order of their groups.
func (l *Log) groups(ctx context.Context, from []eventlog.ShardOffset, after []offset, shards int64, limit int) (found []stored, err error) {
	for i, at := range from {
		last := place{after[i].commit, int64(at.Shard), after[i].subject, after[i].version}
		next, _, err := l.after(ctx, last, shards, shardsIn(at.Shard, shards), "", limit-len(found))
		if found = append(found, next...); err != nil || len(found) == limit {
			return found, err
		}
	}
	return found, nil
}

func byGroup(a, b stored) int {
	return cmp.Or(cmp.Compare(group(a.shard), group(b.shard)), byPlace(a, b))
}

// loaded is the leases in the database, and the time of the database.
type loaded struct {
	eventlog.Leases
	rows    [eventlog.Shards]bool // whether the shard has a row in EventLogPublished
	notices map[string]bool       // the replicas that notice new shards
	shards  int64                 // of the table
	now     time.Time
}

// older returns the number of replicas of a release without Grow.
func (l *loaded) older() (n int) {
	for replica := range l.Expires {
		if !l.notices[replica] {
			n++
		}
	}
	return n
}

func (l *loaded) copy() eventlog.Leases {
	return eventlog.Leases{Expires: maps.Clone(l.Expires), Shards: l.Shards}
}

// load reads the leases with one query. Spanner's clock decides which have
// expired, so the clocks of the replicas need not agree. The query omits the
// column Cursor: Spanner locks columns, so a claim does not hold up
// SavePublished.
func load(ctx context.Context, tx *spannerdb.Tx) (*loaded, error) {
	l := &loaded{Leases: eventlog.Leases{Expires: make(map[string]time.Time)}, notices: make(map[string]bool)}
	err := tx.Query(ctx, spanner.NewStatement(`SELECT CURRENT_TIMESTAMP(), IFNULL((SELECT MAX(Shards) FROM EventLogShards), 16),
		ARRAY(SELECT AS STRUCT Replica, Expires, IFNULL(NoticesShards, FALSE) AS Notices FROM EventLogReplicas),
		ARRAY(SELECT AS STRUCT Shard, IFNULL(Owner, '') AS Owner, IFNULL(Epoch, 0) AS Epoch FROM EventLogPublished)`,
	)).Do(func(r *spanner.Row) error {
		var replicas []*struct {
			Replica string
			Expires time.Time
			Notices bool
		}
		var shards []*struct {
			Shard, Epoch int64
			Owner        string
		}
		if err := r.Columns(&l.now, &l.shards, &replicas, &shards); err != nil {
			return err
		}
		for _, replica := range replicas {
			if !strings.HasPrefix(replica.Replica, reserved) {
				l.Expires[replica.Replica], l.notices[replica.Replica] = replica.Expires, replica.Notices
			}
		}
		for _, s := range shards {
			if !isGroup(s.Shard) {
				continue
			}
			l.Shards[s.Shard] = eventlog.Ownership{Owner: s.Owner, Epoch: s.Epoch}
			l.rows[s.Shard] = true
		}
		return nil
	})
	return l, err
}

// isGroup reports whether a shard is one of this release. A later release may have
// more, and its replicas publish them.
func isGroup(shard int64) bool { return shard >= 0 && shard < eventlog.Shards }

// save writes the differences from before.
func (l *loaded) save(tx *spannerdb.Tx, before eventlog.Leases) error {
	var changes []*spanner.Mutation
	for replica, expires := range l.Expires {
		if !expires.Equal(before.Expires[replica]) {
			changes = append(changes, spanner.InsertOrUpdate("EventLogReplicas",
				[]string{"Replica", "Expires", "NoticesShards"}, []any{replica, expires, true}))
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
		l.learn(leases.shards)
		before := leases.copy()
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
			if isGroup(shard) {
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
	return cmp.Or(x.commit.Compare(y.commit), strings.Compare(x.subject, y.subject), cmp.Compare(x.version, y.version)) > 0, nil
}
