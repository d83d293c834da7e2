package spannerlog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

// MaxRedacted is the maximum number of events that one transaction may redact.
// It keeps the transaction within its time limit on a small instance. Each
// event takes five mutations (four key columns and the payload), of at most
// 80,000 in Spanner.
const MaxRedacted = 500

// History is the events of a subject after a version.
type History struct {
	Subject string
	After   int64
}

// Redact replaces the payloads of all committed events in the histories by
// events.Redacted, within tx. Erasing a resource thereby erases its data from
// the log. Redact costs one call, which reads an index. The histories must have
// at most MaxRedacted events together; use RedactSome for longer ones.
func (l *Log) Redact(ctx context.Context, tx *spannerdb.Tx, histories ...History) error {
	err := l.whole(ctx, tx, func(shards int64) error {
		keys := []spanner.KeySet{markers(shards)}
		for _, h := range histories {
			for _, shard := range shardsOf(h.Subject, shards) {
				keys = append(keys, spanner.KeyRange{
					Start: spanner.Key{shard, h.Subject, h.After}, End: spanner.Key{shard, h.Subject}, Kind: spanner.OpenClosed,
				})
			}
		}
		found, err := l.keys(tx.ReadUsingIndex(ctx, "EventLog", "EventLogBySubject", spanner.KeySets(keys...), keyColumns))
		if err != nil || l.shards.Load() > shards {
			return err
		}
		return redact(tx, found)
	})
	if err != nil {
		return fmt.Errorf("redact %v: %w", histories, err)
	}
	return nil
}

func unredactedPart(shard int64) string {
	return `@{FORCE_INDEX=EventLogBySubject} WHERE Shard = ` + strconv.FormatInt(shard, 10) +
		` AND Subject = @subject AND Version > @after AND Payload != @redacted ORDER BY Version LIMIT @limit`
}

// RedactSome redacts the first limit events of a history that are not redacted
// yet, within tx and by one call. It returns the rest of the history, for
// Redact. last is the version of the last committed event.
func (l *Log) RedactSome(ctx context.Context, tx *spannerdb.Tx, h History, last, limit int64) (rest History, err error) {
	rest = History{h.Subject, last}
	err = l.whole(ctx, tx, func(shards int64) error {
		found, err := l.keys(tx.Query(ctx, spanner.Statement{
			SQL: union(keyColumns, shardsOf(h.Subject, shards), unredactedPart),
			Params: map[string]any{
				"shards": shards, "subject": h.Subject, "after": h.After, "redacted": events.Redacted, "limit": limit,
			},
		}))
		if err != nil || l.shards.Load() > shards {
			return err
		}
		slices.SortFunc(found, func(a, b key) int { return cmp.Compare(a.version, b.version) })
		if int64(len(found)) >= limit {
			found = found[:limit]
			rest.After = found[limit-1].version
		}
		return redact(tx, found)
	})
	if err != nil {
		return History{}, fmt.Errorf("redact some of %v: %w", h, err)
	}
	return rest, nil
}

var keyColumns = []string{"Shard", "CommitTimestamp", "Subject", "Version"}

// key is the primary key of an event.
type key struct {
	shard   int64
	commit  time.Time
	subject string
	version int64
}

// keys returns the keys of the events in rows, which have keyColumns.
func (l *Log) keys(rows *spanner.RowIterator) (keys []key, err error) {
	err = rows.Do(func(r *spanner.Row) error {
		var k key
		if err := r.Columns(&k.shard, &k.commit, &k.subject, &k.version); err != nil {
			return err
		}
		if !l.isMarker(k.shard) {
			keys = append(keys, k)
		}
		return nil
	})
	return keys, err
}

func redact(tx *spannerdb.Tx, found []key) error {
	var updates []*spanner.Mutation
	for _, k := range found {
		updates = append(updates, spanner.Update("EventLog",
			append(keyColumns[:4:4], "Payload"), []any{k.shard, k.commit, k.subject, k.version, events.Redacted}))
	}
	return tx.BufferWrite(updates)
}
