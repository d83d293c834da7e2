package spannerlog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/spannerdb"
)

var _ eventlog.Reader = (*Log)(nil)

// Committed implements eventlog.Reader.
func (l *Log) Committed() <-chan struct{} { return l.committed.Next() }

// place is a position ordered by commit timestamp and, within one timestamp, by
// group, subject and version. Group -1 is before all events of the timestamp,
// and group eventlog.Shards after them. A place does not name the shard, so
// Grow does not change the order.
type place struct {
	commit  time.Time
	group   int64
	subject string
	version int64
}

// String returns the place in the form 1767323045678901000/3/account/123/7:
// nanoseconds since 1970, group and event.
func (p place) String() string {
	return strconv.FormatInt(p.commit.UnixNano(), 10) + "/" + strconv.FormatInt(p.group, 10) + "/" +
		events.Event{Subject: p.subject, Version: p.version}.ID()
}

func parsePlace(s string) (place, error) {
	if s == "" {
		return place{commit: time.Unix(0, 0).UTC(), group: -1}, nil
	}
	nanos, rest, _ := strings.Cut(s, "/")
	group, id, _ := strings.Cut(rest, "/")
	cut := strings.LastIndexByte(id, '/')
	var p place
	ns, err := strconv.ParseInt(nanos, 10, 64)
	if err == nil {
		p.group, err = strconv.ParseInt(group, 10, 64)
	}
	if err == nil {
		p.version, err = strconv.ParseInt(id[cut+1:], 10, 64)
	}
	p.commit, p.subject = time.Unix(0, ns).UTC(), id[:max(cut, 0)]
	if err != nil || p.String() != s || !utf8.ValidString(s) {
		return place{}, eventlog.ErrPosition.Wrap(fmt.Errorf("place %q", s))
	}
	return p, nil
}

// Compare implements eventlog.Reader.
func (l *Log) Compare(a, b eventlog.Position) int {
	x, _ := parsePlace(a.Place)
	y, _ := parsePlace(b.Place)
	return x.compare(y)
}

func (p place) compare(other place) int {
	return cmp.Or(p.commit.Compare(other.commit), cmp.Compare(p.group, other.group),
		strings.Compare(p.subject, other.subject), cmp.Compare(p.version, other.version))
}

// After returns the position after everything that a strong read with this
// timestamp saw. Spanner commits nothing at or before the timestamp afterwards.
func After(timestamp time.Time) eventlog.Position {
	return eventlog.Position{Time: timestamp.UTC(), Place: place{commit: timestamp, group: eventlog.Shards}.String()}
}

// pagePart returns the part of a query that reads the first @each rows of a shard
// after a place, by key. Its cost depends only on @each.
func pagePart(last place) func(shard int64) string {
	return func(shard int64) string {
		after := "CommitTimestamp >= @commit"
		switch g := group(shard); {
		case g < last.group:
			after = "CommitTimestamp > @commit"
		case g == last.group:
			after += " AND (CommitTimestamp > @commit OR Subject > @subject OR (Subject = @subject AND Version > @version))"
		}
		return " WHERE Shard = " + strconv.FormatInt(shard, 10) + " AND " + after + " ORDER BY CommitTimestamp, Subject, Version LIMIT @each"
	}
}

// beginPart finds whether the place is older than the log. It then belongs to a
// log that was lost. Places made from a time, with group -1, are exempt.
const beginPart = `
UNION ALL
(SELECT 0, AppliedAt, "", 0, "` + begins + `", "", "" FROM ` + spannerdb.MigrationsTable + `
WHERE Component = "` + component + `" AND File = "` + firstMigration + `" AND AppliedAt > @commit AND @group >= 0)`

// Page implements eventlog.Reader. It costs one call, and one more whenever a
// shard has more than its part of the page. With 16 shards, it reads at most about
// four rows for each row of a page of 100, and less for a larger one.
func (l *Log) Page(ctx context.Context, after eventlog.Position, limit int) (page eventlog.Page, err error) {
	last, err := parsePlace(after.Place)
	if err != nil {
		return eventlog.Page{}, err
	}
	err = l.whole(ctx, nil, func(shards int64) error {
		all := make([]int64, shards)
		for i := range all {
			all[i] = int64(i)
		}
		found, timestamp, err := l.after(ctx, last, shards, all, beginPart, limit)
		if err != nil {
			return err
		}
		if expired := !after.Time.IsZero() && timestamp.Sub(after.Time) > eventlog.Retention; expired || isAhead(last, timestamp) || len(found) > 0 && found[0].Type == begins {
			return eventlog.ErrCursorExpired
		}
		page = eventlog.Page{Records: records(found), Next: After(timestamp)}
		if len(found) == limit {
			page.Next = page.Records[limit-1].Position
		}
		return nil
	})
	if err != nil {
		return eventlog.Page{}, fmt.Errorf("read a page of events: %w", err)
	}
	return page, nil
}

// after returns the first limit events after a place in some of the shards, in
// the order of their places, and the timestamp of the read. The query may have
// another part. If a row of type begins is found, it is the only one returned.
func (l *Log) after(ctx context.Context, last place, known int64, shards []int64, part string, limit int) (found []stored, timestamp time.Time, err error) {
	each := eachOf(limit, len(shards))
	read, timestamp, err := l.query(ctx, spanner.Statement{SQL: union(columns, shards, pagePart(last)) + part, Params: map[string]any{
		"commit": last.commit, "group": last.group, "subject": last.subject, "version": last.version,
		"shards": known, "each": int64(each),
	}})
	if err != nil {
		return nil, timestamp, err
	}
	if i := slices.IndexFunc(read, isBegin); i >= 0 {
		return read[i : i+1], timestamp, nil
	}
	found, err = merge(split(read, each), each, limit, func(last stored, n int) ([]stored, error) { return l.next(ctx, last, timestamp, n) })
	return found, timestamp, err
}

// begins is the type of the row that marks the creation of the log. It is not
// an event.
const begins = "begins"

func isBegin(s stored) bool { return s.Type == begins }

// next returns at most limit events of the shard of s, after s and up to a
// timestamp, with one call.
func (l *Log) next(ctx context.Context, s stored, timestamp time.Time, limit int) (found []stored, err error) {
	keys := spanner.KeyRange{
		Start: spanner.Key{s.shard, s.Time, s.Subject, s.Version}, End: spanner.Key{s.shard, timestamp}, Kind: spanner.OpenClosed,
	}
	err = l.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		found, err = l.stored(tx.ReadWithOptions(ctx, "EventLog", keys, columns, &spanner.ReadOptions{Limit: limit}))
		return err
	})
	return found, err
}

// isAhead reports whether a place is in the future of the database by more than
// the clocks of a client and of Spanner may differ.
func isAhead(p place, timestamp time.Time) bool { return p.commit.Sub(timestamp) > time.Minute }

// query runs a query for columns. It also returns the timestamp of the read.
func (l *Log) query(ctx context.Context, query spanner.Statement) (found []stored, timestamp time.Time, err error) {
	err = l.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		if found, err = l.stored(tx.Query(ctx, query)); err != nil {
			return err
		}
		timestamp, err = tx.Timestamp()
		return err
	})
	return found, timestamp, err
}

// stored returns the events in rows, which have columns.
func (l *Log) stored(rows *spanner.RowIterator) (found []stored, err error) {
	err = rows.Do(func(row *spanner.Row) error {
		var s stored
		var payload string
		if err := row.Columns(&s.shard, &s.Time, &s.Subject, &s.Version, &s.Type, &payload, &s.Traceparent); err != nil {
			return err
		}
		if !l.isMarker(s.shard) {
			s.Time, s.Data = s.Time.UTC(), []byte(payload)
			found = append(found, s)
		}
		return nil
	})
	return found, err
}

func records(found []stored) []eventlog.Record {
	all := make([]eventlog.Record, len(found))
	for i, s := range found {
		at := place{s.Time, group(s.shard), s.Subject, s.Version}
		all[i] = eventlog.Record{Event: s.Event, Position: eventlog.Position{Time: s.Time, Place: at.String()}}
	}
	return all
}

func historyPart(shard int64) string {
	return `@{FORCE_INDEX=EventLogBySubject} WHERE Shard = ` + strconv.FormatInt(shard, 10) +
		` AND Subject = @subject AND Version > @version ORDER BY Version LIMIT @limit`
}

// History implements eventlog.Reader with one call.
func (l *Log) History(ctx context.Context, subject string, afterVersion int64, limit int) (history []eventlog.Record, err error) {
	err = l.whole(ctx, nil, func(shards int64) error {
		found, _, err := l.query(ctx, spanner.Statement{
			SQL:    union(columns, shardsOf(subject, shards), historyPart),
			Params: map[string]any{"shards": shards, "subject": subject, "version": afterVersion, "limit": int64(limit)},
		})
		slices.SortFunc(found, func(a, b stored) int { return cmp.Compare(a.Version, b.Version) })
		history = records(found[:min(limit, len(found))])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", subject, err)
	}
	return history, nil
}

// Since implements eventlog.Reader without a call.
func (l *Log) Since(_ context.Context, t time.Time) (eventlog.Position, error) {
	if epoch := time.Unix(0, 0); t.Before(epoch) {
		t = epoch // places count nanoseconds, which cannot express times before 1677
	}
	return eventlog.Position{Place: place{commit: t, group: -1}.String()}, nil
}

// Head implements eventlog.Reader with one call.
func (l *Log) Head(ctx context.Context, earlier eventlog.Position) (head eventlog.Position, moved bool, err error) {
	before, err := parsePlace(earlier.Place)
	if err != nil {
		return eventlog.Position{}, false, err
	}
	err = l.whole(ctx, nil, func(shards int64) error {
		behind := []spanner.KeySet{markers(shards)}
		for shard := range shards {
			behind = append(behind, spanner.KeyRange{Start: spanner.Key{shard, before.commit}, End: spanner.Key{shard}, Kind: spanner.OpenClosed})
		}
		return l.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
			moved = false
			if err := tx.ReadWithOptions(ctx, "EventLog", spanner.KeySets(behind...), columns[:1], &spanner.ReadOptions{Limit: 1}).Do(func(r *spanner.Row) error {
				var shard int64
				err := r.Columns(&shard)
				moved = !l.isMarker(shard)
				return err
			}); err != nil {
				return err
			}
			timestamp, err := tx.Timestamp()
			head = After(timestamp)
			return err
		})
	})
	if err != nil {
		return eventlog.Position{}, false, fmt.Errorf("read the head of the log: %w", err)
	}
	return head, moved, nil
}
