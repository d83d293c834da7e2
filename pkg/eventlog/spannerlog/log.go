// Package spannerlog is the event log in a Spanner database. Reads are strong:
// once one has returned an event, Spanner commits nothing before it any more,
// so a cursor never passes an event by.
package spannerlog

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

// The number of shards is part of the schema: an event never changes its shard.
const shards = 16

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the log's tables. Spanner itself removes the events that are
// older than eventlog.Retention.
func Migrations() spannerdb.Migrations {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return spannerdb.Migrations{Component: "eventlog", Files: files}
}

// Log is a log in a database that has been migrated with Migrations.
type Log struct {
	db   *spannerdb.DB
	wake eventlog.Wake

	committed eventlog.Signal
}

var _ eventlog.Log = (*Log)(nil)

// New returns the log in db.
func New(db *spannerdb.DB) *Log {
	return &Log{db: db, wake: eventlog.NewWake(shards)}
}

var columns = []string{"Shard", "CommitTimestamp", "Subject", "Version", "Type", "Payload", "Traceparent"}

// Append adds e to the log as part of tx, with its commit. It costs no call.
func (l *Log) Append(tx *spannerdb.Tx, e events.Event) error {
	err := tx.BufferWrite([]*spanner.Mutation{spanner.Insert("EventLog", columns, []any{
		shardOf(e.Subject), spanner.CommitTimestamp, e.Subject, e.Version, e.Type, string(e.Data), e.Traceparent,
	})})
	if err != nil {
		return fmt.Errorf("append %s: %w", e.ID(), err)
	}
	tx.OnCommit(func() { l.wake.Notify(e.Subject); l.committed.Notify() })
	return nil
}

// Redact replaces the payload of every event of the subjects that has been
// committed by events.Redacted, as part of tx: erasing a resource erases what
// the log told of it. It costs one call, a read of an index.
func (l *Log) Redact(ctx context.Context, tx *spannerdb.Tx, subjects ...string) error {
	var histories []spanner.KeySet
	for _, subject := range subjects {
		histories = append(histories, spanner.Key{shardOf(subject), subject}.AsPrefix())
	}
	var updates []*spanner.Mutation
	rows := tx.ReadUsingIndex(ctx, "EventLog", "EventLogBySubject", spanner.KeySets(histories...),
		[]string{"Shard", "CommitTimestamp", "Subject", "Version"})
	err := rows.Do(func(r *spanner.Row) error {
		var shard, version int64
		var at time.Time
		var subject string
		if err := r.Columns(&shard, &at, &subject, &version); err != nil {
			return err
		}
		updates = append(updates, spanner.Update("EventLog",
			[]string{"Shard", "CommitTimestamp", "Subject", "Version", "Payload"},
			[]any{shard, at, subject, version, events.Redacted}))
		return nil
	})
	if err == nil {
		err = tx.BufferWrite(updates)
	}
	if err != nil {
		return fmt.Errorf("redact %v: %w", subjects, err)
	}
	return nil
}

func shardOf(subject string) int64 { return int64(eventlog.Shard(subject, shards)) }

// Wake implements eventlog.Log.
func (l *Log) Wake() eventlog.Wake { return l.wake }

// Read implements eventlog.Log.
func (l *Log) Read(ctx context.Context, shard int, after eventlog.Cursor, limit int) (entries []eventlog.Entry, err error) {
	keys := spanner.KeyRange{Start: spanner.Key{int64(shard)}, End: spanner.Key{int64(shard)}, Kind: spanner.ClosedClosed}
	if after != "" {
		last, err := fromCursor(after)
		if err != nil {
			return nil, err
		}
		keys.Start, keys.Kind = append(keys.Start, last...), spanner.OpenClosed
	}
	err = l.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		entries = nil
		return tx.ReadWithOptions(ctx, "EventLog", keys, columns[1:], &spanner.ReadOptions{Limit: limit}).Do(func(r *spanner.Row) error {
			var e eventlog.Entry
			var payload string
			if err := r.Columns(&e.Time, &e.Subject, &e.Version, &e.Type, &payload, &e.Traceparent); err != nil {
				return err
			}
			e.Time, e.Data, e.Cursor = e.Time.UTC(), []byte(payload), toCursor(e.Event)
			entries = append(entries, e)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return entries, nil
}

// Published implements eventlog.Log.
func (l *Log) Published(ctx context.Context, shard int) (eventlog.Cursor, error) {
	var cursor string
	err := l.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		row, err := tx.ReadRow(ctx, "EventLogPublished", spanner.Key{int64(shard)}, []string{"Cursor"})
		if err != nil {
			return err
		}
		return row.Columns(&cursor)
	})
	if err != nil && !errors.Is(err, spanner.ErrRowNotFound) {
		return "", fmt.Errorf("read the published cursor: %w", err)
	}
	return eventlog.Cursor(cursor), nil
}

// SavePublished implements eventlog.Log.
func (l *Log) SavePublished(ctx context.Context, shard int, upTo eventlog.Cursor) error {
	next, err := fromCursor(upTo)
	if err != nil {
		return err
	}
	return l.db.ReadWrite(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		row, err := tx.ReadRow(ctx, "EventLogPublished", spanner.Key{int64(shard)}, []string{"Cursor"})
		if err != nil && !errors.Is(err, spanner.ErrRowNotFound) {
			return err
		}
		if err == nil {
			later, err := isLater(row, next)
			if err != nil || later {
				return err
			}
		}
		return tx.BufferWrite([]*spanner.Mutation{spanner.InsertOrUpdate("EventLogPublished",
			[]string{"Shard", "Cursor"}, []any{int64(shard), string(upTo)})})
	})
}

// isLater reports whether the cursor saved in row comes after that of key.
func isLater(row *spanner.Row, key spanner.Key) (bool, error) {
	var cursor string
	if err := row.Columns(&cursor); err != nil {
		return false, err
	}
	saved, err := fromCursor(eventlog.Cursor(cursor))
	if err != nil {
		return false, err
	}
	return cmp.Or(
		saved[0].(time.Time).Compare(key[0].(time.Time)),
		strings.Compare(saved[1].(string), key[1].(string)),
		cmp.Compare(saved[2].(int64), key[2].(int64)),
	) > 0, nil
}

// A cursor is what follows the shard in an event's key: nanoseconds since 1970,
// subject and version, as in 1767323045678901000/account/123/7.
func toCursor(e events.Event) eventlog.Cursor {
	return eventlog.Cursor(strconv.FormatInt(e.Time.UnixNano(), 10) + "/" + e.ID())
}

func fromCursor(c eventlog.Cursor) (spanner.Key, error) {
	nanos, id, _ := strings.Cut(string(c), "/")
	ns, err := strconv.ParseInt(nanos, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("cursor %q: %w", c, err)
	}
	i := strings.LastIndexByte(id, '/')
	version, err := strconv.ParseInt(id[i+1:], 10, 64)
	if i < 0 || err != nil {
		return nil, fmt.Errorf("cursor %q: not an event's", c)
	}
	return spanner.Key{time.Unix(0, ns).UTC(), id[:i], version}, nil
}
