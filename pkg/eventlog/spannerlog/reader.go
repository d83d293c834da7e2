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
// shard, subject and version. Shard -1 is before all events of the timestamp,
// and shard Shards after them.
type place struct {
	commit  time.Time
	shard   int64
	subject string
	version int64
}

// String returns the place in the form 1767323045678901000/3/account/123/7:
// nanoseconds since 1970, shard and event.
func (p place) String() string {
	return strconv.FormatInt(p.commit.UnixNano(), 10) + "/" + strconv.FormatInt(p.shard, 10) + "/" +
		events.Event{Subject: p.subject, Version: p.version}.ID()
}

func parsePlace(s string) (place, error) {
	if s == "" {
		return place{commit: time.Unix(0, 0).UTC(), shard: -1}, nil
	}
	nanos, rest, _ := strings.Cut(s, "/")
	shard, id, _ := strings.Cut(rest, "/")
	cut := strings.LastIndexByte(id, '/')
	var p place
	ns, err := strconv.ParseInt(nanos, 10, 64)
	if err == nil {
		p.shard, err = strconv.ParseInt(shard, 10, 64)
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
	return cmp.Or(p.commit.Compare(other.commit), cmp.Compare(p.shard, other.shard),
		strings.Compare(p.subject, other.subject), cmp.Compare(p.version, other.version))
}

// After returns the position after everything that a strong read with this
// timestamp saw. Spanner commits nothing at or before the timestamp afterwards.
func After(timestamp time.Time) eventlog.Position {
	return eventlog.Position{Time: timestamp.UTC(), Place: place{commit: timestamp, shard: eventlog.Shards}.String()}
}

// begins is the type of the row that marks the creation of the log. It is not
// an event.
const begins = "begins"

// pageStatement reads the first @each rows of each shard after the place, by
// key. Its cost depends only on @each. A place that is older than the
// log belongs to a log that was lost: it is before the row of type begins.
// Places made from a time, with shard -1, are exempt.
var pageStatement = func() string {
	var parts []string
	for shard := range eventlog.Shards {
		parts = append(parts, fmt.Sprintf(`(SELECT Shard, CommitTimestamp, Subject, Version, Type, Payload, Traceparent FROM EventLog
WHERE Shard = %d AND CommitTimestamp >= @commit AND (CommitTimestamp > @commit OR Shard > @shard OR
	(Shard = @shard AND (Subject > @subject OR (Subject = @subject AND Version > @version))))
ORDER BY CommitTimestamp, Subject, Version LIMIT @each)`, shard))
	}
	parts = append(parts, `(SELECT -1, AppliedAt, "", 0, "`+begins+`", "", "" FROM `+spannerdb.MigrationsTable+`
WHERE Component = "`+component+`" AND File = "`+firstMigration+`" AND AppliedAt > @commit AND @shard >= 0)`)
	return strings.Join(parts, "\nUNION ALL\n")
}()

// eachOf returns the number of rows to read of each shard for a page. It is
// twice the average and some more, so that one call usually suffices.
func eachOf(limit int) int { return min(limit, 2*limit/eventlog.Shards+12) }

// Page implements eventlog.Reader. It costs one call, and one more whenever a
// shard has more than its part of the page. It reads at most about four rows for
// each row of a page of 100, and less for a larger one.
func (l *Log) Page(ctx context.Context, after eventlog.Position, limit int) (eventlog.Page, error) {
	last, err := parsePlace(after.Place)
	if err != nil {
		return eventlog.Page{}, err
	}
	each := eachOf(limit)
	read, timestamp, err := l.records(ctx, spanner.Statement{SQL: pageStatement, Params: map[string]any{
		"commit": last.commit, "shard": last.shard, "subject": last.subject, "version": last.version, "each": int64(each),
	}})
	if err != nil {
		return eventlog.Page{}, fmt.Errorf("read a page of events: %w", err)
	}
	if expired := !after.Time.IsZero() && timestamp.Sub(after.Time) > eventlog.Retention; expired || isAhead(last, timestamp) || slices.ContainsFunc(read, isBegin) {
		return eventlog.Page{}, eventlog.ErrCursorExpired
	}
	records, err := l.merge(ctx, read, each, limit, timestamp)
	switch {
	case err != nil:
		return eventlog.Page{}, fmt.Errorf("read a page of events: %w", err)
	case len(records) < limit:
		return eventlog.Page{Records: records, Next: After(timestamp)}, nil
	}
	return eventlog.Page{Records: records, Next: records[limit-1].Position}, nil
}

// merge returns the first limit of the records in the order of their places.
// read has the first each records of every shard. Where a shard has more, merge
// reads on, up to the timestamp of the first read, because the other shards are
// known up to there.
func (l *Log) merge(ctx context.Context, read []eventlog.Record, each, limit int, timestamp time.Time) (merged []eventlog.Record, err error) {
	shards := make([][]eventlog.Record, eventlog.Shards)
	for _, r := range read {
		shard := eventlog.Shard(r.Subject)
		shards[shard] = append(shards[shard], r)
	}
	more := make([]bool, eventlog.Shards) // the shard may have records beyond those that were read
	for shard, records := range shards {
		more[shard] = len(records) == each
		slices.SortFunc(records, inShard) // a union promises no order
	}
	for len(merged) < limit {
		first := -1
		var earliest time.Time
		for shard, records := range shards {
			if len(records) > 0 && (first < 0 || records[0].Time.Before(earliest)) {
				first, earliest = shard, records[0].Time // of two with the same time, the lower shard
			}
		}
		if first < 0 {
			break
		}
		next := shards[first][0]
		merged, shards[first] = append(merged, next), shards[first][1:]
		if len(shards[first]) == 0 && more[first] && len(merged) < limit {
			n := min(2*each, limit-len(merged))
			if shards[first], err = l.shardAfter(ctx, next, timestamp, n); err != nil {
				return nil, err
			}
			more[first] = len(shards[first]) == n
		}
	}
	return merged, nil
}

func inShard(a, b eventlog.Record) int {
	return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
}

// shardAfter returns at most limit records of the shard of r, after r and up to
// a timestamp, with one call.
func (l *Log) shardAfter(ctx context.Context, r eventlog.Record, timestamp time.Time, limit int) (records []eventlog.Record, err error) {
	shard := shardOf(r.Subject)
	keys := spanner.KeyRange{Start: spanner.Key{shard, r.Time, r.Subject, r.Version}, End: spanner.Key{shard, timestamp}, Kind: spanner.OpenClosed}
	err = l.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		records = nil
		return tx.ReadWithOptions(ctx, "EventLog", keys, columns, &spanner.ReadOptions{Limit: limit}).Do(func(row *spanner.Row) error {
			r, err := toRecord(row)
			records = append(records, r)
			return err
		})
	})
	return records, err
}

func isBegin(r eventlog.Record) bool { return r.Type == begins }

// isAhead reports whether a place is in the future of the database by more than
// the clocks of a client and of Spanner may differ.
func isAhead(p place, timestamp time.Time) bool { return p.commit.Sub(timestamp) > time.Minute }

// records runs a query for the columns of a record. It also returns the
// timestamp of the read.
func (l *Log) records(ctx context.Context, query spanner.Statement) (records []eventlog.Record, timestamp time.Time, err error) {
	err = l.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		records = nil
		if err := tx.Query(ctx, query).Do(func(row *spanner.Row) error {
			r, err := toRecord(row)
			records = append(records, r)
			return err
		}); err != nil {
			return err
		}
		timestamp, err = tx.Timestamp()
		return err
	})
	return records, timestamp, err
}

// toRecord converts a row of columns.
func toRecord(row *spanner.Row) (r eventlog.Record, err error) {
	var shard int64
	var payload string
	err = row.Columns(&shard, &r.Time, &r.Subject, &r.Version, &r.Type, &payload, &r.Traceparent)
	r.Time, r.Data = r.Time.UTC(), []byte(payload)
	r.Position = eventlog.Position{Time: r.Time, Place: place{r.Time, shard, r.Subject, r.Version}.String()}
	return r, err
}

// History implements eventlog.Reader with one call.
func (l *Log) History(ctx context.Context, subject string, afterVersion int64, limit int) ([]eventlog.Record, error) {
	records, _, err := l.records(ctx, spanner.Statement{
		SQL: `SELECT Shard, CommitTimestamp, Subject, Version, Type, Payload, Traceparent FROM EventLog@{FORCE_INDEX=EventLogBySubject}
WHERE Shard = @shard AND Subject = @subject AND Version > @version ORDER BY Version LIMIT @limit`,
		Params: map[string]any{"shard": shardOf(subject), "subject": subject, "version": afterVersion, "limit": int64(limit)},
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", subject, err)
	}
	return records, nil
}

// Since implements eventlog.Reader without a call.
func (l *Log) Since(_ context.Context, t time.Time) (eventlog.Position, error) {
	if epoch := time.Unix(0, 0); t.Before(epoch) {
		t = epoch // places count nanoseconds, which cannot express times before 1677
	}
	return eventlog.Position{Place: place{commit: t, shard: -1}.String()}, nil
}

// Head implements eventlog.Reader with one call.
func (l *Log) Head(ctx context.Context, earlier eventlog.Position) (head eventlog.Position, moved bool, err error) {
	before, err := parsePlace(earlier.Place)
	if err != nil {
		return eventlog.Position{}, false, err
	}
	ranges := make([]spanner.KeySet, eventlog.Shards)
	for shard := range ranges {
		ranges[shard] = spanner.KeyRange{Start: spanner.Key{shard, before.commit}, End: spanner.Key{shard}, Kind: spanner.OpenClosed}
	}
	behind := spanner.KeySets(ranges...)
	err = l.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		moved = false
		if err := tx.ReadWithOptions(ctx, "EventLog", behind, []string{"Shard"}, &spanner.ReadOptions{Limit: 1}).Do(func(*spanner.Row) error {
			moved = true
			return nil
		}); err != nil {
			return err
		}
		timestamp, err := tx.Timestamp()
		head = After(timestamp)
		return err
	})
	if err != nil {
		return eventlog.Position{}, false, fmt.Errorf("read the head of the log: %w", err)
	}
	return head, moved, nil
}
