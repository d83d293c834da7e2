// Package spannerlog is the event log in a Spanner database. Reads are strong:
// once one has returned an event, Spanner commits nothing before it any more,
// so a cursor never passes an event by.
package spannerlog

import (
	"context"
	"embed"
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

//go:embed migrations/*.sql
var migrations embed.FS

const (
	component      = "eventlog"
	firstMigration = "001_event_log.sql"
)

// Migrations are the log's tables. Spanner itself removes the events that are
// older than eventlog.Retention.
func Migrations() spannerdb.Migrations {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return spannerdb.Migrations{Component: component, Files: files}
}

// Log is a log in a database that has been migrated with Migrations.
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

func shardOf(subject string) int64 { return int64(eventlog.Shard(subject)) }

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
