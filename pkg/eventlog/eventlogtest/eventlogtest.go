// Package eventlogtest is the conformance suite of eventlog.Log and of the
// transactional methods of its adapters.
package eventlogtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
)

// Tx is a transaction of the log's database.
type Tx interface {
	Append(e events.Event) error
	Redact(subject string) error
}

// Backend is the log under test.
type Backend struct {
	Log eventlog.Log
	// Write runs do in a transaction, more than once if the database aborts it.
	Write func(ctx context.Context, do func(Tx) error) error
	// Elsewhere is Write in another process, or Write itself if the database
	// allows only one process.
	Elsewhere func(ctx context.Context, do func(Tx) error) error
	// Pass advances the clock that decides whether leases have expired.
	Pass func(ctx context.Context, d time.Duration) error
}

// Run tests a backend with an empty log, which must stay open until the end of
// the test.
func Run(t *testing.T, b Backend) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Backend)
	}{
		{"published offset", testPublished}, // first, because it needs an empty log
		{"what is appended is read", testRoundTrip},
		{"read in steps", testLimit},
		{"read several shards at once", testShards},
		{"order of one transaction", testOneTransaction},
		{"a transaction that fails", testRollback},
		{"a version is logged once", testVersionOnce},
		{"an event that commits late", testLate},
		{"a reader that follows writers", testFollow},
		{"wake", testWake},
		{"redact", testRedact},
		{"a cursor of nobody's", testBadCursor},
		{"cancelled context", testCancelled},
		{"leases are shared", testLeasesShared},
		{"leases are renewed and expire", testLeasesExpire},
		{"leases are given up", testLeasesGivenUp},
		{"leases have one owner", testLeasesExclusive},
		{"more replicas than shards", testLeasesSpare},
		{"a lease that is lost saves nothing", testFencing},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, b) })
	}
}

// subject returns a subject that no other test uses.
func subject(t *testing.T) string { return fmt.Sprintf("account/%x", t.Name()) }

// subjectIn returns a subject in a shard that no other test uses. It returns
// the same subject for each call.
func subjectIn(t *testing.T, shard int) string {
	for i := 0; ; i++ {
		if s := fmt.Sprintf("%s%d", subject(t), i); eventlog.Shard(s) == shard {
			return s
		}
	}
}

func event(subject string, version int64) events.Event {
	return events.Event{
		Type: events.AccountUpdatedV1, Subject: subject, Version: version,
		Data:        fmt.Appendf(nil, "{ \"b\":%d,\"a\" : 1.50, \"ü\": \"\\u00fc🎧\" }", version),
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
}

func appendAll(t *testing.T, write func(context.Context, func(Tx) error) error, all ...events.Event) {
	t.Helper()
	if err := write(t.Context(), func(tx Tx) error {
		for _, e := range all {
			if err := tx.Append(e); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatalf("Append: %v", err)
	}
}

// read returns all events of a shard after an offset.
func read(t *testing.T, b Backend, shard int, after eventlog.Offset, limit int) (all []eventlog.Entry) {
	t.Helper()
	for {
		entries, err := b.Log.Read(t.Context(), []eventlog.ShardOffset{{Shard: shard, After: after}}, limit)
		if err != nil {
			t.Fatalf("Read: %v", err)
		}
		if len(entries) > limit {
			t.Fatalf("Read returned %d events, want at most %d", len(entries), limit)
		}
		if all = append(all, entries...); len(entries) < limit {
			return all
		}
		after = entries[len(entries)-1].Offset
	}
}

// end returns the offset after the last event of a shard.
func end(t *testing.T, b Backend, shard int) eventlog.Offset {
	t.Helper()
	if all := read(t, b, shard, "", 100); len(all) > 0 {
		return all[len(all)-1].Offset
	}
	return ""
}

// told returns the events of a subject, without their times.
func told(entries []eventlog.Entry, subject string) (of []events.Event) {
	for _, e := range entries {
		if e.Subject == subject {
			e.Time = time.Time{}
			of = append(of, e.Event)
		}
	}
	return of
}

func wantTold(t *testing.T, entries []eventlog.Entry, subject string, want ...events.Event) {
	t.Helper()
	if diff := gocmp.Diff(want, told(entries, subject)); diff != "" {
		t.Errorf("events of %s (-want +got):\n%s", subject, diff)
	}
}

func testShards(t *testing.T, b Backend) {
	const each = 4
	var from []eventlog.ShardOffset
	var want []events.Event
	for _, shard := range []int{1, 2, 5, 15} {
		from = append(from, eventlog.ShardOffset{Shard: shard, After: end(t, b, shard)})
		s := subjectIn(t, shard)
		for version := range int64(each) {
			want = append(want, event(s, version+1))
		}
	}
	for shard := range eventlog.Shards { // only one was asked for
		from := subjectIn(t, shard) + "0"
		if at := eventlog.Shard(from); at != 1 && at != 2 && at != 5 && at != 15 {
			appendAll(t, b.Write, event(from, 1))
		}
	}
	for version := range int64(each) {
		for _, at := range slices.Backward(from) {
			appendAll(t, b.Write, event(subjectIn(t, at.Shard), version+1))
		}
	}
	for _, limit := range []int{1, each, each + 1, 2 * each, len(want) - 1, len(want), len(want) + 1} {
		entries, err := b.Log.Read(t.Context(), from, limit)
		if err != nil {
			t.Fatalf("Read: %v", err)
		}
		var got []events.Event
		for _, e := range entries {
			e.Time = time.Time{}
			got = append(got, e.Event)
		}
		if diff := gocmp.Diff(want[:min(limit, len(want))], got); diff != "" {
			t.Errorf("events, limit %d (-want +got):\n%s", limit, diff)
		}
	}
	if entries, err := b.Log.Read(t.Context(), nil, 10); len(entries) > 0 || err != nil {
		t.Errorf("Read of no shards = %v, %v", entries, err)
	}
}

// The transaction that appends first commits last. A read in between must not
// skip its event.
func testLate(t *testing.T, b Backend) {
	s := subject(t)
	shard := eventlog.Shard(s)
	after := end(t, b, shard)
	appended, commit := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		var once sync.Once
		if err := b.Write(t.Context(), func(tx Tx) error {
			err := tx.Append(event(s, 1))
			once.Do(func() { close(appended); <-commit })
			return err
		}); err != nil {
			t.Errorf("Write: %v", err)
		}
	})
	<-appended
	wg.Go(func() {
		if err := b.Elsewhere(t.Context(), func(tx Tx) error { return tx.Append(event(s, 2)) }); err != nil {
			t.Errorf("Elsewhere: %v", err)
		}
	})
	var seen []eventlog.Entry
	follow := func() {
		for _, e := range read(t, b, shard, after, 100) {
			seen, after = append(seen, e), e.Offset
		}
	}
	for range 20 {
		follow()
	}
	close(commit)
	wg.Wait()
	follow()
	got := told(seen, s)
	slices.SortFunc(got, func(a, b events.Event) int { return cmp.Compare(a.Version, b.Version) })
	if diff := gocmp.Diff([]events.Event{event(s, 1), event(s, 2)}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func testFollow(t *testing.T, b Backend) {
	const writers, each = 6, 15
	subjects := make([]string, writers)
	after := map[int]eventlog.Offset{}
	for i := range subjects {
		subjects[i] = fmt.Sprintf("%s%d", subject(t), i)
		shard := eventlog.Shard(subjects[i])
		after[shard] = end(t, b, shard)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		for i, s := range subjects {
			write := b.Write
			if i%2 == 1 {
				write = b.Elsewhere
			}
			wg.Go(func() {
				for version := range int64(each) {
					if err := write(t.Context(), func(tx Tx) error { return tx.Append(event(s, version+1)) }); err != nil {
						t.Errorf("Write: %v", err)
					}
				}
			})
		}
		wg.Wait()
	}()
	versions := map[string][]int64{}
	for over := false; ; {
		for shard, cursor := range after {
			for _, e := range read(t, b, shard, cursor, 4) {
				versions[e.Subject] = append(versions[e.Subject], e.Version)
				after[shard] = e.Offset
			}
		}
		if over {
			break
		}
		select {
		case <-done:
			over = true // one more round
		default:
		}
	}
	var want []int64
	for version := range int64(each) {
		want = append(want, version+1)
	}
	for _, s := range subjects {
		if diff := gocmp.Diff(want, versions[s]); diff != "" {
			t.Errorf("versions of %s (-want +got):\n%s", s, diff)
		}
	}
}

func testWake(t *testing.T, b Backend) {
	s := subject(t)
	woken := func() []int {
		select {
		case <-b.Log.Wake().C():
			return b.Log.Wake().Take()
		default:
			return nil
		}
	}
	woken()
	err := b.Write(t.Context(), func(tx Tx) error { return cmp.Or(tx.Append(event(s, 1)), errRefused) })
	if shards := woken(); shards != nil || !errors.Is(err, errRefused) {
		t.Errorf("a transaction that failed with %v woke %v", err, shards)
	}
	for version := range int64(2) { // also if the first signal was not taken
		appendAll(t, b.Write, event(s, version+1))
	}
	if shards := woken(); !slices.Equal(shards, []int{eventlog.Shard(s)}) {
		t.Errorf("a commit woke %v, want the shard of its subject, %d", shards, eventlog.Shard(s))
	}
	wantTold(t, read(t, b, eventlog.Shard(s), "", 100), s, event(s, 1), event(s, 2))
}

func testBadCursor(t *testing.T, b Backend) {
	for _, c := range []eventlog.Offset{"x", "1x", "/", "-"} {
		if _, err := b.Log.Read(t.Context(), []eventlog.ShardOffset{{After: c}}, 10); err == nil {
			t.Errorf("Read after %q succeeded", c)
		}
		if _, err := b.Log.SavePublished(t.Context(), []eventlog.Progress{{UpTo: c}}); err == nil {
			t.Errorf("SavePublished of %q succeeded", c)
		}
	}
}

func testCancelled(t *testing.T, b Backend) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Log.Read(ctx, []eventlog.ShardOffset{{}}, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("Read = %v, want context.Canceled", err)
	}
	if _, _, err := b.Log.Claim(ctx, "me", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Claim = %v, want context.Canceled", err)
	}
	if _, err := b.Log.SavePublished(ctx, []eventlog.Progress{{UpTo: end(t, b, eventlog.Shard(subject(t)))}}); err == nil {
		t.Error("SavePublished succeeded")
	}
}
