package eventlogtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
)

// ReaderBackend is a log whose eventlog.Reader is under test.
type ReaderBackend struct {
	Reader eventlog.Reader
	// Write and Elsewhere are as in Backend.
	Write, Elsewhere func(ctx context.Context, do func(Tx) error) error
	// Anew returns an empty log in place of a lost one.
	Anew func(t *testing.T) ReaderBackend
}

// RunReader tests a backend with an empty log, which must stay open until the
// end of the test.
func RunReader(t *testing.T, b ReaderBackend) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, ReaderBackend)
	}{
		{"an empty log", testEmpty}, // first
		{"the order of all subjects", testOneOrder},
		{"the order of unequal shards", testUnequalShards},
		{"what is appended is on the page", testPageRoundTrip},
		{"an event that commits late", testPageLate},
		{"followers of writers", testFollowers},
		{"head", testHead},
		{"since", testSince},
		{"history", testHistory},
		{"expired position", testExpired},
		{"a position of nobody's", testBadPosition},
		{"a log that is made anew", testAnew},
		{"committed", testCommitted},
		{"cancelled context", testReaderCancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, b) })
	}
}

func page(t *testing.T, r eventlog.Reader, after eventlog.Position, limit int) eventlog.Page {
	t.Helper()
	p, err := r.Page(t.Context(), after, limit)
	if err != nil {
		t.Fatalf("Page: %v", err)
	}
	if len(p.Records) > limit {
		t.Fatalf("Page returned %d events, want at most %d", len(p.Records), limit)
	}
	return p
}

// rest returns all records after a position, and the position after them.
func rest(t *testing.T, r eventlog.Reader, after eventlog.Position, limit int) (all []eventlog.Record, next eventlog.Position) {
	t.Helper()
	for {
		p := page(t, r, after, limit)
		all, after = append(all, p.Records...), p.Next
		if len(p.Records) < limit {
			return all, after
		}
	}
}

func head(t *testing.T, r eventlog.Reader) eventlog.Position {
	t.Helper()
	at, _, err := r.Head(t.Context(), eventlog.Position{})
	if err != nil {
		t.Fatalf("Head: %v", err)
	}
	return at
}

func idsOf(records []eventlog.Record) (ids []string) {
	for _, r := range records {
		ids = append(ids, r.ID())
	}
	return ids
}

func wantIDs(t *testing.T, what string, records []eventlog.Record, want ...string) {
	t.Helper()
	if diff := gocmp.Diff(want, idsOf(records)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func testEmpty(t *testing.T, b ReaderBackend) {
	p := page(t, b.Reader, eventlog.Position{}, 10)
	if len(p.Records) > 0 || time.Since(p.Next.Time).Abs() > time.Minute {
		t.Errorf("the page of an empty log is %+v", p)
	}
	at, moved, err := b.Reader.Head(t.Context(), eventlog.Position{})
	if moved || err != nil {
		t.Errorf("Head = moved %t, %v", moved, err)
	}
	since, err := b.Reader.Since(t.Context(), time.Now().Add(-time.Hour))
	if err != nil {
		t.Errorf("Since: %v", err)
	}
	s := subject(t)
	appendAll(t, b.Write, event(s, 1))
	for what, after := range map[string]eventlog.Position{"page": p.Next, "head": at, "since": since, "begin": {}} {
		records, _ := rest(t, b.Reader, after, 10)
		wantIDs(t, "after the "+what+" of an empty log", records, s+"/1")
	}
}

func testOneOrder(t *testing.T, b ReaderBackend) {
	begin := head(t, b.Reader)
	written := map[string]bool{}
	for version := int64(8); version <= 12; version++ { // 9 sorts before 10 as a number, not as text
		var all []events.Event
		for i := range 5 { // in several shards
			all = append(all, event(fmt.Sprint(subject(t), i), version))
			written[all[i].ID()] = true
		}
		if version%2 == 0 {
			appendAll(t, b.Write, all...)
			continue
		}
		for _, e := range all {
			appendAll(t, b.Elsewhere, e)
		}
	}
	all, _ := rest(t, b.Reader, begin, 1000)
	versions := map[string]int64{}
	for _, r := range all {
		if last := versions[r.Subject]; last != 0 && r.Version != last+1 {
			t.Errorf("%s follows version %d", r.ID(), last)
		}
		versions[r.Subject] = r.Version
		delete(written, r.ID())
	}
	if len(all) != 25 || len(written) > 0 {
		t.Errorf("%d events, without %v", len(all), written)
	}
	for _, limit := range []int{1, 7, 24, 25, 26} {
		records, next := rest(t, b.Reader, begin, limit)
		if diff := gocmp.Diff(all, records); diff != "" {
			t.Errorf("in pages of %d (-want +got):\n%s", limit, diff)
		}
		if after, _ := rest(t, b.Reader, next, limit); len(after) > 0 {
			t.Errorf("after the last page comes %s", after[0].ID())
		}
	}
	for i, r := range all {
		for j, other := range all {
			if got := b.Reader.Compare(r.Position, other.Position); cmp.Compare(got, 0) != cmp.Compare(i, j) {
				t.Errorf("Compare = %d for the events %d and %d", got, i, j)
			}
		}
		after, _ := rest(t, b.Reader, r.Position, 1000)
		wantIDs(t, "after "+r.ID(), after, idsOf(all[i+1:])...)
	}
}

// One shard has most events, and the others have some between them.
func testUnequalShards(t *testing.T, b ReaderBackend) {
	begin := head(t, b.Reader)
	if b.Reader.Compare(eventlog.Position{}, begin) > 0 {
		t.Error("the beginning of the log is after its head")
	}
	busy := subject(t)
	var want []string
	for version := int64(1); version <= 60; version++ {
		all := []events.Event{event(busy, version)}
		if version%10 == 0 {
			all = append(all, event(fmt.Sprint(subject(t), version), 1))
		}
		for _, e := range all {
			appendAll(t, b.Write, e)
			want = append(want, e.ID())
		}
	}
	for _, limit := range []int{10, 50, 1000} {
		records, next := rest(t, b.Reader, begin, limit)
		wantIDs(t, fmt.Sprint("in pages of ", limit), records, want...)
		if len(records) > 0 && b.Reader.Compare(records[len(records)-1].Position, next) > 0 {
			t.Errorf("the end is before the last event, in pages of %d", limit)
		}
	}
}

func testPageRoundTrip(t *testing.T, b ReaderBackend) {
	begin := head(t, b.Reader)
	s := subject(t)
	one, two := event(s, 1), event(s, 2)
	two.Traceparent, two.Type, two.Data = "", events.AccountDeletedV1, []byte(`{}`)
	appendAll(t, b.Write, one)
	appendAll(t, b.Write, two)
	records, _ := rest(t, b.Reader, begin, 10)
	var got []events.Event
	for _, r := range records {
		if time.Since(r.Time).Abs() > time.Minute || r.Time.Location() != time.UTC || !r.Position.Time.Equal(r.Time) {
			t.Errorf("event %s has the time %v, its position %v", r.ID(), r.Time, r.Position.Time)
		}
		r.Time = time.Time{}
		got = append(got, r.Event)
	}
	if diff := gocmp.Diff([]events.Event{one, two}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// The transaction that appends first commits last. A read in between must not
// skip its event.
func testPageLate(t *testing.T, b ReaderBackend) {
	one, two := subject(t)+"1", subject(t)+"2"
	after := head(t, b.Reader)
	appended, commit := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		var once sync.Once
		if err := b.Write(t.Context(), func(tx Tx) error {
			err := tx.Append(event(one, 1))
			once.Do(func() { close(appended); <-commit })
			return err
		}); err != nil {
			t.Errorf("Write: %v", err)
		}
	})
	<-appended
	wg.Go(func() { appendAll(t, b.Elsewhere, event(two, 1)) })
	var seen []string
	for i := range 21 {
		if i == 20 {
			close(commit)
			wg.Wait()
		}
		p := page(t, b.Reader, after, 100)
		seen, after = append(seen, idsOf(p.Records)...), p.Next
	}
	slices.Sort(seen)
	if diff := gocmp.Diff([]string{one + "/1", two + "/1"}, seen); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// testFollowers follows a log by pages, by single events and by heads while
// several goroutines write.
func testFollowers(t *testing.T, b ReaderBackend) {
	const writers, each = 6, 12
	begin := head(t, b.Reader)
	written := make(chan struct{})
	var writing sync.WaitGroup
	for i := range writers {
		write := []func(context.Context, func(Tx) error) error{b.Write, b.Elsewhere}[i%2]
		writing.Go(func() {
			for version := range int64(each) {
				if err := write(t.Context(), func(tx Tx) error { return tx.Append(event(fmt.Sprint(subject(t), i), version+1)) }); err != nil {
					t.Errorf("Write: %v", err)
				}
			}
		})
	}
	go func() { writing.Wait(); close(written) }()
	whileWriting := func(do func()) {
		for over := false; !over; do() { // one more round after all writes
			select {
			case <-written:
				over = true
			default:
			}
		}
	}
	var byPage, byEvent []string
	type sample struct {
		head eventlog.Position
		seen []string // the events that a read after it saw
	}
	var samples []sample
	var following sync.WaitGroup
	following.Go(func() {
		after := begin
		whileWriting(func() {
			records, next := rest(t, b.Reader, after, 5)
			byPage, after = append(byPage, idsOf(records)...), next
		})
	})
	following.Go(func() {
		after := begin
		whileWriting(func() {
			if records, _ := rest(t, b.Reader, after, 5); len(records) > 0 {
				byEvent, after = append(byEvent, idsOf(records)...), records[len(records)-1].Position
			}
		})
	})
	following.Go(func() {
		whileWriting(func() {
			at := head(t, b.Reader)
			seen, _ := rest(t, b.Reader, begin, 1000)
			samples = append(samples, sample{at, idsOf(seen)})
		})
	})
	following.Wait()

	all, _ := rest(t, b.Reader, begin, 1000)
	if len(all) != writers*each {
		t.Errorf("%d events, want %d", len(all), writers*each)
	}
	wantIDs(t, "events", all, byPage...)
	wantIDs(t, "events", all, byEvent...)
	for _, s := range samples {
		later, _ := rest(t, b.Reader, s.head, 1000)
		before := len(all) - len(later)
		wantIDs(t, "after a head", later, idsOf(all[before:])...)
		for _, r := range all[:before] {
			if !slices.Contains(s.seen, r.ID()) {
				t.Errorf("%s is before a head, and not seen by a read after it", r.ID())
			}
		}
	}
}
