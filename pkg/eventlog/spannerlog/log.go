// Package spannerlog is the event log in a Spanner database. Reads are strong.
// After a strong read has returned an event, Spanner commits nothing with an
// earlier timestamp, so an offset never skips an event.
package spannerlog

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
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
	db     *spannerdb.DB
	wake   *eventlog.Wake
	shards atomic.Int64 // the highest known number of shards; 0 until it was read

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
	shard := shardOf(e.Subject, max(l.shards.Load(), eventlog.Shards))
	err := tx.BufferWrite([]*spanner.Mutation{spanner.Insert("EventLog", columns, []any{
		shard, spanner.CommitTimestamp, e.Subject, e.Version, e.Type, string(e.Data), e.Traceparent,
	})})
	if err != nil {
		return fmt.Errorf("append %s: %w", e.ID(), err)
	}
	tx.OnCommit(func() { l.wake.Notify(e.Subject); l.committed.Notify() })
	return nil
}

// An offset is the part of an event's key after the shard: nanoseconds since
// 1970, subject and version, such as 1767323045678901000/account/123/7.
func toOffset(e events.Event) eventlog.Offset {
	return eventlog.Offset(strconv.FormatInt(e.Time.UnixNano(), 10) + "/" + e.ID())
}

// offset is a parsed eventlog.Offset. The zero value is before all events.
type offset struct {
	commit  time.Time
	subject string
	version int64
}

func fromOffset(o eventlog.Offset) (at offset, err error) {
	if o == "" {
		return offset{}, nil
	}
	nanos, id, _ := strings.Cut(string(o), "/")
	ns, err := strconv.ParseInt(nanos, 10, 64)
	if err != nil {
		return at, fmt.Errorf("cursor %q: %w", o, err)
	}
	i := strings.LastIndexByte(id, '/')
	version, err := strconv.ParseInt(id[i+1:], 10, 64)
	if i < 0 || err != nil {
		return at, fmt.Errorf("cursor %q: not an event's", o)
	}
	return offset{time.Unix(0, ns).UTC(), id[:i], version}, nil
}
