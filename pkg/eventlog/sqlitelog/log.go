// Package sqlitelog is the event log in a SQLite database. The database has one
// writer, which commits one group at a time, so the sequence numbers are in the
// order of the commits. Only one process has the database open. The leases are
// therefore kept in memory, where they cost nothing and do not survive a crash.
package sqlitelog

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"sync"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the migrations of the log's tables.
func Migrations() sqlitedb.Migrations {
	return sqlitedb.Migrations{Component: "eventlog", Files: migrations}
}

// Log is a log in a database that was opened with Migrations.
type Log struct {
	db   *sqlitedb.DB
	now  func() time.Time
	wake *eventlog.Wake

	mu     sync.Mutex
	leases eventlog.Leases

	committed eventlog.Signal
}

var _ eventlog.Log = (*Log)(nil)

// New returns the log in db. A process must have only one. now stamps the
// events and is the clock of the leases.
func New(db *sqlitedb.DB, now func() time.Time) *Log {
	return &Log{db: db, now: now, wake: eventlog.NewWake()}
}

// Append adds e to the log within tx.
func (l *Log) Append(tx *sqlitedb.Tx, e events.Event) error {
	_, err := tx.Exec(`INSERT INTO event_log (shard, time, subject, version, type, data, traceparent) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		eventlog.Shard(e.Subject), l.now().UnixMicro(), e.Subject, e.Version, e.Type, string(e.Data), e.Traceparent)
	if err != nil {
		return fmt.Errorf("append %s: %w", e.ID(), err)
	}
	tx.OnCommit(func() { l.wake.Notify(e.Subject); l.committed.Notify() })
	return nil
}

// Redact replaces the payloads of all events of subject by events.Redacted,
// within tx. Erasing a resource thereby erases its data from the log.
func (l *Log) Redact(tx *sqlitedb.Tx, subject string) error {
	_, err := tx.Exec(`UPDATE event_log SET data = ?1 WHERE subject = ?2 AND data <> ?1`, events.Redacted, subject)
	if err != nil {
		return fmt.Errorf("redact %s: %w", subject, err)
	}
	return nil
}

// Purge deletes published events older than eventlog.Retention, in steps that
// do not hold up other writes, and returns their number. It walks the log from
// its beginning until it meets events that are all due to be kept, or the last
// event that is published. Events with a time in the future, which a wrong clock
// has left, and events before it that are not published do not stop it.
// Idempotent.
func (l *Log) Purge(ctx context.Context) (removed int64, err error) {
	removed, _, err = l.purge(ctx)
	return removed, err
}

func (l *Log) purge(ctx context.Context) (removed int64, steps int, err error) {
	now := l.now()
	for s := (step{old: now.Add(-eventlog.Retention).UnixMicro(), now: now.UnixMicro()}); !s.done; steps++ {
		var n int64
		var next step
		if err := l.db.Write(ctx, func(tx *sqlitedb.Tx) (err error) {
			next = s
			n, err = next.purge(tx)
			return err
		}); err != nil {
			return removed, steps, err
		}
		s, removed = next, removed+n
	}
	return removed, steps, nil
}

// step is a part of a purge.
type step struct {
	old, now int64 // times in microseconds
	after    int64 // the last event that has been looked at
	done     bool
}

func (s *step) purge(tx *sqlitedb.Tx) (removed int64, err error) {
	var last, odd sql.NullInt64
	if err := tx.QueryRow(`SELECT max(seq), sum(time < ? OR time > ?) FROM (SELECT seq, time FROM event_log
		WHERE seq > ? AND seq <= (SELECT max(seq) FROM event_log_published) ORDER BY seq LIMIT 1000)`,
		s.old, s.now, s.after).Scan(&last, &odd); err != nil {
		return 0, err
	}
	s.done = odd.Int64 == 0
	if s.done {
		return 0, nil
	}
	removed, err = tx.Exec(`DELETE FROM event_log WHERE seq > ? AND seq <= ? AND time < ?
		AND seq <= (SELECT p.seq FROM event_log_published p WHERE p.shard = event_log.shard)`, s.after, last.Int64, s.old)
	s.after = last.Int64
	return removed, err
}
