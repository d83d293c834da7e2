// Package sqlitelog is the event log in a SQLite database. It has one shard:
// there is one process, and its writer commits one group at a time, so the
// order of the sequence numbers is the order of the commits.
package sqlitelog

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the log's tables.
func Migrations() sqlitedb.Migrations {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sqlitedb.Migrations{Component: "eventlog", Files: files}
}

// Log is a log in a database that was opened with Migrations.
type Log struct {
	db   *sqlitedb.DB
	now  func() time.Time
	wake eventlog.Wake

	committed eventlog.Signal
}

var _ eventlog.Log = (*Log)(nil)

// New returns the log in db. Events are stamped with now.
func New(db *sqlitedb.DB, now func() time.Time) *Log {
	return &Log{db: db, now: now, wake: eventlog.NewWake(1)}
}

// Append adds e to the log as part of tx.
func (l *Log) Append(tx *sqlitedb.Tx, e events.Event) error {
	_, err := tx.Exec(`INSERT INTO event_log (time, subject, version, type, data, traceparent) VALUES (?, ?, ?, ?, ?, ?)`,
		l.now().UnixMicro(), e.Subject, e.Version, e.Type, string(e.Data), e.Traceparent)
	if err != nil {
		return fmt.Errorf("append %s: %w", e.ID(), err)
	}
	tx.OnCommit(func() { l.wake.Notify(e.Subject); l.committed.Notify() })
	return nil
}

// Redact replaces the payload of every event of subject by events.Redacted, as
// part of tx: erasing a resource erases what the log told of it.
func (l *Log) Redact(tx *sqlitedb.Tx, subject string) error {
	_, err := tx.Exec(`UPDATE event_log SET data = ? WHERE subject = ?`, events.Redacted, subject)
	if err != nil {
		return fmt.Errorf("redact %s: %w", subject, err)
	}
	return nil
}

// Wake implements eventlog.Log.
func (l *Log) Wake() eventlog.Wake { return l.wake }

// Read implements eventlog.Log.
func (l *Log) Read(ctx context.Context, _ int, after eventlog.Cursor, limit int) ([]eventlog.Entry, error) {
	seq, err := fromCursor(after)
	if err != nil {
		return nil, err
	}
	rows, err := l.db.Query(ctx, `SELECT seq, time, subject, version, type, data, traceparent
		FROM event_log WHERE seq > ? ORDER BY seq LIMIT ?`, seq, limit)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var entries []eventlog.Entry
	for rows.Next() {
		var e eventlog.Entry
		var micros int64
		if err := rows.Scan(&seq, &micros, &e.Subject, &e.Version, &e.Type, (*[]byte)(&e.Data), &e.Traceparent); err != nil {
			return nil, fmt.Errorf("read events: %w", sqlitedb.Translate(err))
		}
		e.Time = time.UnixMicro(micros).UTC()
		e.Cursor = toCursor(seq)
		entries = append(entries, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read events: %w", sqlitedb.Translate(err))
	}
	return entries, nil
}

// Published implements eventlog.Log.
func (l *Log) Published(ctx context.Context, shard int) (eventlog.Cursor, error) {
	var seq int64
	err := l.db.QueryRow(ctx, `SELECT seq FROM event_log_published WHERE shard = ?`, shard).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the published cursor: %w", err)
	}
	return toCursor(seq), nil
}

// SavePublished implements eventlog.Log.
func (l *Log) SavePublished(ctx context.Context, shard int, upTo eventlog.Cursor) error {
	seq, err := fromCursor(upTo)
	if err != nil {
		return err
	}
	return l.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`INSERT INTO event_log_published (shard, seq) VALUES (?, ?)
			ON CONFLICT (shard) DO UPDATE SET seq = max(seq, excluded.seq)`, shard, seq)
		return err
	})
}

// Purge removes published events older than eventlog.Retention, in steps that
// do not hold up other writes, and returns how many.
func (l *Log) Purge(ctx context.Context) (removed int64, err error) {
	before := l.now().Add(-eventlog.Retention).UnixMicro()
	for {
		var n int64
		err := l.db.Write(ctx, func(tx *sqlitedb.Tx) (err error) {
			n, err = tx.Exec(`DELETE FROM event_log WHERE seq IN (
				SELECT seq FROM (SELECT seq, time FROM event_log ORDER BY seq LIMIT 1000)
				WHERE time < ? AND seq <= (SELECT coalesce(max(seq), 0) FROM event_log_published))`, before)
			return err
		})
		removed += n
		if err != nil || n == 0 {
			return removed, err
		}
	}
}

func toCursor(seq int64) eventlog.Cursor {
	return eventlog.Cursor(strconv.FormatInt(seq, 10))
}

func fromCursor(c eventlog.Cursor) (int64, error) {
	if c == "" {
		return 0, nil
	}
	seq, err := strconv.ParseInt(string(c), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cursor %q: %w", c, err)
	}
	return seq, nil
}
