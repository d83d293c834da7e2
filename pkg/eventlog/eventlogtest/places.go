package eventlogtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
)

func testHead(t *testing.T, b ReaderBackend) {
	one := head(t, b.Reader)
	if age := time.Since(one.Time).Abs(); age > time.Minute {
		t.Errorf("the head is %v old", age)
	}
	if _, moved, err := b.Reader.Head(t.Context(), one); moved || err != nil {
		t.Errorf("Head = moved %t, %v with nothing committed", moved, err)
	}
	s := subject(t)
	for version := int64(1); version <= 3; version++ {
		appendAll(t, b.Elsewhere, event(s, version))
		two, moved, err := b.Reader.Head(t.Context(), one)
		if !moved || err != nil {
			t.Errorf("Head = moved %t, %v after a commit", moved, err)
		}
		between, _ := rest(t, b.Reader, one, 10)
		wantIDs(t, "after the earlier head", between, fmt.Sprint(s, "/", version))
		if after, _ := rest(t, b.Reader, two, 10); len(after) > 0 {
			t.Errorf("after the head comes %s", after[0].ID())
		}
		one = two
	}
}

func testSince(t *testing.T, b ReaderBackend) {
	begin := head(t, b.Reader)
	for version := range int64(5) {
		appendAll(t, b.Write, event(subject(t), version+1))
		for at := time.Now(); time.Since(at) < 2*time.Microsecond; {
			// the times of events have a resolution of 1 µs
		}
	}
	all, _ := rest(t, b.Reader, begin, 10)
	since := func(at time.Time) []eventlog.Record {
		t.Helper()
		after, err := b.Reader.Since(t.Context(), at)
		if err != nil {
			t.Fatalf("Since: %v", err)
		}
		records, _ := rest(t, b.Reader, after, 1000)
		return records
	}
	for i, r := range all {
		wantIDs(t, "since "+r.ID(), since(r.Time), idsOf(all[i:])...)
		for _, later := range []time.Duration{time.Nanosecond, time.Microsecond} {
			wantIDs(t, "since just after "+r.ID(), since(r.Time.Add(later)), idsOf(all[i+1:])...)
		}
	}
	wantIDs(t, "since now", since(time.Now().Add(10*time.Second)))
	whole, _ := rest(t, b.Reader, eventlog.Position{}, 1000)
	for _, at := range []time.Time{
		whole[0].Time, whole[0].Time.Add(-time.Hour), whole[0].Time.Add(-2 * eventlog.Retention), time.Unix(0, 0),
		time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(500, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		wantIDs(t, "since "+at.String(), since(at), idsOf(whole)...)
	}
}

func testHistory(t *testing.T, b ReaderBackend) {
	s := subject(t)
	history := func(of string, after int64, limit int) []eventlog.Record {
		t.Helper()
		records, err := b.Reader.History(t.Context(), of, after, limit)
		if err != nil {
			t.Fatalf("History: %v", err)
		}
		return records
	}
	if got := history(s, 0, 10); len(got) > 0 {
		t.Errorf("the history of nothing has %s", got[0].ID())
	}
	for version := range int64(3) {
		appendAll(t, b.Write, event(s, version+1), event(s+"0", version+1))
	}
	deleted := event(s, 4)
	deleted.Type = events.AccountDeletedV1
	if err := b.Write(t.Context(), func(tx Tx) error { return cmp.Or(tx.Redact(s), tx.Append(deleted)) }); err != nil {
		t.Fatalf("Redact: %v", err)
	}
	appendAll(t, b.Write, event(s, 5)) // after it was deleted
	all := history(s, 0, 10)
	wantIDs(t, "history", all, s+"/1", s+"/2", s+"/3", s+"/4", s+"/5")
	for _, r := range all {
		if redacted := string(r.Data) == events.Redacted; redacted != (r.Version < 4) {
			t.Errorf("version %d has the payload %s", r.Version, r.Data)
		}
		after, _ := rest(t, b.Reader, r.Position, 100)
		wantIDs(t, "after "+r.ID()+" in the history", slices.DeleteFunc(after, func(r eventlog.Record) bool { return r.Subject != s }), idsOf(all[r.Version:])...)
	}
	wantIDs(t, "history in part", history(s, 1, 2), s+"/2", s+"/3")
	wantIDs(t, "history of the end", history(s, 4, 2), s+"/5")
	wantIDs(t, "history after the end", history(s, 5, 2))
}

func testExpired(t *testing.T, b ReaderBackend) {
	begin := head(t, b.Reader)
	appendAll(t, b.Write, event(subject(t), 1))
	records, next := rest(t, b.Reader, begin, 10)
	for _, at := range []eventlog.Position{begin, records[0].Position, next} {
		at.Time = at.Time.Add(time.Minute - eventlog.Retention)
		if _, err := b.Reader.Page(t.Context(), at, 10); err != nil {
			t.Errorf("a position that is old enough: %v", err)
		}
		at.Time = at.Time.Add(-2 * time.Minute)
		if _, err := b.Reader.Page(t.Context(), at, 10); !errors.Is(err, eventlog.ErrCursorExpired) {
			t.Errorf("Page of a position that is too old = %v", err)
		}
	}
}

func testBadPosition(t *testing.T, b ReaderBackend) {
	for _, place := range []string{
		"x", "1x", "/", ".", "-", "1.", ".1", "-1.0", "01.1", "1.1.1", "1/", "1/1", "1/1/", "1/1/1", "1/x/account/1/1", "1/1/account/1/x",
		"1/1/account\xff/1", "99999999999999999999.1", "99999999999999999999/1/account/1/1", "\x00", strings.Repeat("1", 5000),
	} {
		at := eventlog.Position{Time: time.Now(), Place: place}
		if _, err := b.Reader.Page(t.Context(), at, 10); !errors.Is(err, eventlog.ErrPosition) {
			t.Errorf("Page after %.50q = %v", place, err)
		}
		if _, _, err := b.Reader.Head(t.Context(), at); !errors.Is(err, eventlog.ErrPosition) {
			t.Errorf("Head after %.50q = %v", place, err)
		}
	}
}

// A consumer of a log that was lost must get an error: events that it knows of
// may be lost too, and the new log does not contain them.
func testAnew(t *testing.T, b ReaderBackend) {
	begin := head(t, b.Reader)
	for version := range int64(3) {
		appendAll(t, b.Write, event(subject(t), version+1))
	}
	records, next := rest(t, b.Reader, begin, 10)
	lost := []eventlog.Position{records[0].Position, next, head(t, b.Reader)}
	for what, n := range map[string]int64{"shorter": 1, "longer": 200} {
		anew := b.Anew(t)
		check := func(when string, at eventlog.Position) {
			t.Helper()
			for _, limit := range []int{1, 1000} {
				if _, err := anew.Reader.Page(t.Context(), at, limit); !errors.Is(err, eventlog.ErrCursorExpired) {
					t.Errorf("Page of a position of the lost log, %s: %v", when, err)
				}
			}
		}
		for _, at := range lost {
			check("the new one is empty", at)
		}
		var all []events.Event
		for version := range n {
			all = append(all, event(subject(t), version+1))
		}
		appendAll(t, anew.Write, all...)
		for _, at := range lost {
			check("the new one is "+what, at)
		}
		since, err := anew.Reader.Since(t.Context(), begin.Time)
		if err != nil {
			t.Fatalf("Since: %v", err)
		}
		for what, after := range map[string]eventlog.Position{"the beginning": {}, "a time before it": since} {
			records, _ := rest(t, anew.Reader, after, 1000)
			if len(records) != len(all) {
				t.Errorf("after %s of the new log come %d events, want %d", what, len(records), len(all))
			}
		}
	}
}

func testCommitted(t *testing.T, b ReaderBackend) {
	closed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	one, same := b.Reader.Committed(), b.Reader.Committed()
	err := b.Write(t.Context(), func(tx Tx) error { return cmp.Or(tx.Append(event(subject(t), 1)), errRefused) })
	if !errors.Is(err, errRefused) || closed(one) || closed(same) {
		t.Errorf("a transaction that failed with %v is told of", err)
	}
	appendAll(t, b.Write, event(subject(t), 1), event(subject(t), 2))
	two := b.Reader.Committed()
	if !closed(one) || !closed(same) || closed(two) {
		t.Errorf("after a commit: %t, %t and for one that asked later %t", closed(one), closed(same), closed(two))
	}
}

func testReaderCancelled(t *testing.T, b ReaderBackend) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for what, read := range map[string]func() error{
		"Page":    func() error { _, err := b.Reader.Page(ctx, eventlog.Position{}, 10); return err },
		"History": func() error { _, err := b.Reader.History(ctx, "account/1", 0, 10); return err },
		"Head":    func() error { _, _, err := b.Reader.Head(ctx, eventlog.Position{}); return err },
	} {
		if err := read(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want context.Canceled", what, err)
		}
	}
}
