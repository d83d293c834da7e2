// Package spannerlog is the event log in a Spanner database. Reads are strong.
// After a strong read has returned an event, Spanner commits nothing with an
// earlier timestamp, so an offset never skips an event.
package spannerlog

import (
	"context"
	"embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	component      = "eventlog"
	firstMigration = "001_event_log.sql"
)

// Migrations returns the migrations of the log's tables. Spanner itself deletes
// the events that are older than eventlog.Retention.
func Migrations() spannerdb.Migrations {
	return spannerdb.Migrations{Component: component, Files: migrations}
}

// Log is a log in a database that was migrated with Migrations.
type Log struct {
	db   *spannerdb.DB
	wake *eventlog.Wake

	committed eventlog.Signal
}

var _ eventlog.Log = (*Log)(nil)

// New returns the log in db.
func New(db *spannerdb.DB) *Log {
	return &Log{db: db, wake: eventlog.NewWake()}
}

var columns = []string{"Shard", "CommitTimestamp", "Subject", "Version", "Type", "Payload", "Traceparent"}

// Append adds e to the log within tx. It costs no call.
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
	var keys []spanner.KeySet
	for _, h := range histories {
		shard := shardOf(h.Subject)
		keys = append(keys, spanner.KeyRange{
			Start: spanner.Key{shard, h.Subject, h.After}, End: spanner.Key{shard, h.Subject}, Kind: spanner.OpenClosed,
		})
	}
	if _, err := redact(tx, tx.ReadUsingIndex(ctx, "EventLog", "EventLogBySubject", spanner.KeySets(keys...), keyColumns)); err != nil {
		return fmt.Errorf("redact %v: %w", histories, err)
	}
	return nil
}

// RedactSome redacts the first limit events of a history that are not redacted
// yet, within tx and by one call. It returns the rest of the history, for
// Redact. last is the version of the last committed event.
func (l *Log) RedactSome(ctx context.Context, tx *spannerdb.Tx, h History, last, limit int64) (History, error) {
	redacted, err := redact(tx, tx.Query(ctx, spanner.Statement{
		SQL: "SELECT " + strings.Join(keyColumns, ", ") + ` FROM EventLog@{FORCE_INDEX=EventLogBySubject}
WHERE Shard = @shard AND Subject = @subject AND Version > @after AND Payload != @redacted ORDER BY Version LIMIT @limit`,
		Params: map[string]any{
			"shard": shardOf(h.Subject), "subject": h.Subject, "after": h.After, "redacted": events.Redacted, "limit": limit,
		},
	}))
	if err != nil {
		return History{}, fmt.Errorf("redact some of %v: %w", h, err)
	}
	if h.After = last; int64(len(redacted)) == limit {
		h.After = redacted[limit-1]
	}
	return h, nil
}

var keyColumns = []string{"Shard", "CommitTimestamp", "Subject", "Version"}

// redact redacts the events in rows, which have keyColumns, and returns their
// versions.
func redact(tx *spannerdb.Tx, rows *spanner.RowIterator) (versions []int64, err error) {
	var updates []*spanner.Mutation
	err = rows.Do(func(r *spanner.Row) error {
		var shard, version int64
		var at time.Time
		var subject string
		if err := r.Columns(&shard, &at, &subject, &version); err != nil {
			return err
		}
		versions = append(versions, version)
		updates = append(updates, spanner.Update("EventLog",
			append(keyColumns[:4:4], "Payload"), []any{shard, at, subject, version, events.Redacted}))
		return nil
	})
	if err == nil {
		err = tx.BufferWrite(updates)
	}
	return versions, err
}

func shardOf(subject string) int64 { return int64(eventlog.Shard(subject)) }

// An offset is the part of an event's key after the shard: nanoseconds since
// 1970, subject and version, such as 1767323045678901000/account/123/7.
func toOffset(e events.Event) eventlog.Offset {
	return eventlog.Offset(strconv.FormatInt(e.Time.UnixNano(), 10) + "/" + e.ID())
}

func fromOffset(c eventlog.Offset) (spanner.Key, error) {
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
