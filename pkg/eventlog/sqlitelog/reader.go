package sqlitelog

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

var _ eventlog.Reader = (*Log)(nil)

// Committed implements eventlog.Reader.
func (l *Log) Committed() <-chan struct{} { return l.committed.Next() }

// place is the position after the event with this sequence number, or 0. The
// time of that event detects a log that has replaced another one, because the
// file was deleted or restored from a copy.
type place struct{ seq, micros int64 }

func (p place) String() string {
	return strconv.FormatInt(p.seq, 10) + "." + strconv.FormatInt(p.micros, 10)
}

func parsePlace(s string) (place, error) {
	if s == "" {
		return place{}, nil
	}
	seq, micros, _ := strings.Cut(s, ".")
	var p place
	var err, other error
	p.seq, err = strconv.ParseInt(seq, 10, 64)
	p.micros, other = strconv.ParseInt(micros, 10, 64)
	if err != nil || other != nil || p.seq < 0 || p.String() != s {
		return place{}, eventlog.ErrPosition.Wrap(fmt.Errorf("place %q", s))
	}
	return p, nil
}

func (p place) at(t time.Time) eventlog.Position {
	return eventlog.Position{Time: t.UTC(), Place: p.String()}
}

func (p place) position() eventlog.Position { return p.at(time.UnixMicro(p.micros)) }

const (
	selectRecords = `SELECT seq, time, subject, version, type, data, traceparent FROM event_log `
	selectPage    = selectRecords + `WHERE seq >= ? ORDER BY seq LIMIT ?`
	selectHistory = selectRecords + `WHERE subject = ? AND version > ? ORDER BY version LIMIT ?`
	selectHead    = `SELECT seq, time FROM event_log ORDER BY seq DESC LIMIT 1`
	selectEnds    = `SELECT (SELECT min(seq) FROM event_log), (SELECT max(seq) FROM event_log)`
	selectTime    = `SELECT time FROM event_log WHERE seq >= ? ORDER BY seq LIMIT 1`
)

// Page implements eventlog.Reader. It also reads the event at the position, to
// check that the log is still the same.
func (l *Log) Page(ctx context.Context, after eventlog.Position, limit int) (eventlog.Page, error) {
	last, err := parsePlace(after.Place)
	if err != nil {
		return eventlog.Page{}, err
	}
	now := l.now() // before the read, because later commits may be missing from it
	if !after.Time.IsZero() && now.Sub(after.Time) > eventlog.Retention {
		return eventlog.Page{}, eventlog.ErrCursorExpired
	}
	records, err := l.records(ctx, selectPage, last.seq, limit+1)
	if err != nil {
		return eventlog.Page{}, fmt.Errorf("read a page of events: %w", err)
	}
	switch {
	case len(records) > 0 && records[0].place.seq == last.seq:
		if last.micros != 0 && records[0].place != last {
			return eventlog.Page{}, eventlog.ErrCursorExpired
		}
		last, records = records[0].place, records[1:]
	case last.seq > 0: // deleted as too old, or never existed
		if err := l.checkReached(ctx, last.seq); err != nil {
			return eventlog.Page{}, err
		}
		records = records[:min(len(records), limit)]
	default:
		records = records[:min(len(records), limit)]
	}
	page := eventlog.Page{Records: make([]eventlog.Record, len(records))}
	for i, r := range records {
		page.Records[i], last = r.Record, r.place
	}
	if page.Next = last.position(); len(records) < limit {
		page.Next = last.at(now)
	}
	return page, nil
}

// checkReached returns eventlog.ErrCursorExpired if the log has not reached seq
// yet.
func (l *Log) checkReached(ctx context.Context, seq int64) error {
	var reached int64
	err := l.db.QueryRow(ctx, `SELECT seq FROM sqlite_sequence WHERE name = 'event_log'`).Scan(&reached)
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("read the end of the log: %w", err)
	case seq > reached:
		return eventlog.ErrCursorExpired
	}
	return nil
}

// Compare implements eventlog.Reader.
func (l *Log) Compare(a, b eventlog.Position) int {
	x, _ := parsePlace(a.Place)
	y, _ := parsePlace(b.Place)
	return cmp.Or(cmp.Compare(x.seq, y.seq), cmp.Compare(x.micros, y.micros))
}

type record struct {
	eventlog.Record
	place place
}

func (l *Log) records(ctx context.Context, query string, args ...any) ([]record, error) {
	rows, err := l.db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var records []record
	for rows.Next() {
		var r record
		if err := rows.Scan(&r.place.seq, &r.place.micros, &r.Subject, &r.Version, &r.Type, (*[]byte)(&r.Data), &r.Traceparent); err != nil {
			return nil, sqlitedb.Translate(err)
		}
		r.Position = r.place.position()
		r.Time = r.Position.Time
		records = append(records, r)
	}
	return records, sqlitedb.Translate(rows.Err())
}

// History implements eventlog.Reader.
func (l *Log) History(ctx context.Context, subject string, afterVersion int64, limit int) ([]eventlog.Record, error) {
	records, err := l.records(ctx, selectHistory, subject, afterVersion, limit)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", subject, err)
	}
	history := make([]eventlog.Record, len(records))
	for i, r := range records {
		history[i] = r.Record
	}
	return history, nil
}

// Head implements eventlog.Reader. A read that begins after it sees at least
// the events before the head.
func (l *Log) Head(ctx context.Context, earlier eventlog.Position) (head eventlog.Position, moved bool, err error) {
	before, err := parsePlace(earlier.Place)
	if err != nil {
		return eventlog.Position{}, false, err
	}
	now := l.now()
	var last place
	err = l.db.QueryRow(ctx, selectHead).Scan(&last.seq, &last.micros)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		last = before // every event has been deleted since, or there was none
	case err != nil:
		return eventlog.Position{}, false, fmt.Errorf("read the head of the log: %w", err)
	}
	return last.at(now), last != before, nil
}

// Since implements eventlog.Reader by bisection, because the events are in the
// order of their times unless the clock went backwards. An index would slow
// down every write for a rare query.
func (l *Log) Since(ctx context.Context, t time.Time) (eventlog.Position, error) {
	var first, end sql.NullInt64
	if err := l.db.QueryRow(ctx, selectEnds).Scan(&first, &end); err != nil {
		return eventlog.Position{}, fmt.Errorf("find the events since %v: %w", t, err)
	}
	if !first.Valid {
		return eventlog.Position{}, nil
	}
	var failed error
	passed := sort.Search(int(end.Int64-first.Int64)+1, func(i int) bool {
		var micros int64 // of the next event, because numbers may be missing
		err := l.db.QueryRow(ctx, selectTime, first.Int64+int64(i)).Scan(&micros)
		if err != nil {
			failed = err
			return true
		}
		return !time.UnixMicro(micros).Before(t)
	})
	if failed != nil {
		return eventlog.Position{}, fmt.Errorf("find the events since %v: %w", t, failed)
	}
	return place{seq: first.Int64 - 1 + int64(passed)}.at(time.Time{}), nil
}
