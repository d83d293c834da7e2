package eventlogtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
)

// Growing is a log to which shards can be added, and a topic with one
// subscription.
type Growing struct {
	// Open opens the log in one more process, or again in the same one if the
	// database allows only one.
	Open func(t *testing.T) Process
	// Grow adds shards until there are n, and Used returns the number of shards
	// that have events. Both are nil if the number of shards is fixed. The cases
	// then run without growth.
	Grow       func(ctx context.Context, n int) error
	Used       func(ctx context.Context) (int, error)
	Publisher  bus.Publisher
	Subscriber bus.Subscriber
}

// Process is a process that has the log open.
type Process struct {
	Log interface {
		eventlog.Log
		eventlog.Reader
	}
	Write func(ctx context.Context, do func(Tx) error) error
}

// RunGrowth tests a log whose number of shards grows while it is in use. open and
// within are as in RunRelay.
func RunGrowth(t *testing.T, open func(*testing.T) Growing, within func(*testing.T, func(*testing.T))) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Growing)
	}{
		{"while events flow", testGrowthInUse},
		{"a process that knows an old number", testOldNumber},
		{"a process that is new", testNewProcess},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			within(t, func(t *testing.T) { c.run(t, open(t)) })
		})
	}
}

func (g Growing) grow(t *testing.T, n int) {
	t.Helper()
	if g.Grow == nil {
		return
	}
	if err := g.Grow(t.Context(), n); err != nil {
		t.Errorf("Grow: %v", err)
	}
}

// wantUsed fails the test unless events are in some of the added shards, or no
// shards can be added.
func (g Growing) wantUsed(t *testing.T) {
	t.Helper()
	if g.Grow == nil {
		return
	}
	if used, err := g.Used(t.Context()); used <= eventlog.Shards || err != nil {
		t.Errorf("%d shards have events, %v, want more than %d", used, err, eventlog.Shards)
	}
}

// old returns a process that knows the present number of shards.
func (g Growing) old(t *testing.T) Process {
	t.Helper()
	p := g.Open(t)
	if _, err := p.Log.Read(t.Context(), []eventlog.ShardOffset{{}}, 1); err != nil {
		t.Fatalf("Read: %v", err)
	}
	return p
}

const growingSubjects = 40

// write writes the versions from first to last of many subjects. Each process
// writes some versions of every subject.
func write(t *testing.T, first, last int64, by ...Process) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range growingSubjects {
		wg.Go(func() {
			for version := first; version <= last; version++ {
				e := event(fmt.Sprint(subject(t), i), version)
				if err := by[(int(version)+i)%len(by)].Write(t.Context(), func(tx Tx) error { return tx.Append(e) }); err != nil {
					t.Errorf("Write: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// follower reads a log from its beginning.
type follower struct {
	log   eventlog.Reader
	limit int
	after eventlog.Position
	last  map[string]int64
}

func (f *follower) read(t *testing.T) {
	t.Helper()
	var records []eventlog.Record
	records, f.after = rest(t, f.log, f.after, f.limit)
	for _, r := range records {
		if last := f.last[r.Subject]; r.Version != last+1 {
			t.Errorf("in pages of %d, %s follows version %d", f.limit, r.ID(), last)
		}
		f.last[r.Subject] = r.Version
	}
}

func (f *follower) want(t *testing.T, version int64) {
	t.Helper()
	f.read(t)
	for i := range growingSubjects {
		if s := fmt.Sprint(subject(t), i); f.last[s] != version {
			t.Errorf("in pages of %d, %s ends with version %d, want %d", f.limit, s, f.last[s], version)
		}
	}
}

// testGrowthInUse adds shards twice while replicas write, publish and follow the
// log. One replica writes with the first number throughout. One joins with it
// after the first growth. One dies after the second.
func testGrowthInUse(t *testing.T, g Growing) {
	one, joining, writer := g.old(t), g.old(t), g.old(t)
	followers := []*follower{
		{log: g.old(t).Log, limit: 7, last: map[string]int64{}},
		{log: g.old(t).Log, limit: 1000, last: map[string]int64{}},
	}
	// during calls do while versions are written and followed.
	during := func(do func(), first, last int64, by ...Process) {
		written := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { defer close(written); write(t, first, last, by...) })
		wg.Go(do)
		for _, f := range followers {
			wg.Go(func() {
				for over := false; !over; f.read(t) {
					select {
					case <-written:
						over = true // one more round
					default:
					}
				}
			})
		}
		wg.Wait()
	}
	var dead atomic.Bool
	mortal := func(string) error {
		if dead.Load() {
			return errInjected
		}
		return nil
	}
	const versions = 16
	want := map[string]int64{}
	for i := range growingSubjects {
		want[fmt.Sprint(subject(t), i)] = versions
	}
	c := consume(t, g.Subscriber)
	relay, other := watch(one.Log, mortal), watch(joining.Log, never)
	start(t, relay, unreliable{g.Publisher, mortal})
	during(func() { g.grow(t, 32) }, 1, 4, one, writer)
	during(func() { start(t, other, g.Publisher) }, 5, 8, one, joining, writer)
	relay.awaitShare(t, eventlog.Shards/2)
	other.awaitShare(t, eventlog.Shards/2)
	during(func() { g.grow(t, 64) }, 9, 12, one, joining, writer)
	during(func() { dead.Store(true) }, 13, versions, joining, writer)
	c.await(t, want, patience)
	for _, f := range append(followers, &follower{log: writer.Log, limit: 100, last: map[string]int64{}}) {
		f.want(t, versions)
	}
	g.wantUsed(t)
}

// testOldNumber reads events in new shards by processes that do not know of them
// yet, each in another way.
func testOldNumber(t *testing.T, g Growing) {
	var old []Process
	ways := map[string]func(*testing.T, Process){}
	writer := g.old(t)
	write(t, 1, 2, writer)
	half := &follower{log: writer.Log, limit: 100, last: map[string]int64{}}
	half.want(t, 2)
	head := head(t, writer.Log)
	for _, limit := range []int{3, 20, 1000} {
		ways[fmt.Sprint("Read of ", limit)] = func(t *testing.T, p Process) { wantRead(t, p.Log, limit, 4) }
		ways[fmt.Sprint("Page of ", limit)] = func(t *testing.T, p Process) {
			(&follower{log: p.Log, limit: limit, last: map[string]int64{}}).want(t, 4)
		}
	}
	ways["Page after growth"] = func(t *testing.T, p Process) {
		(&follower{log: p.Log, limit: 10, after: half.after, last: half.last}).want(t, 4)
	}
	ways["Head"] = func(t *testing.T, p Process) {
		if _, moved, err := p.Log.Head(t.Context(), head); !moved || err != nil {
			t.Errorf("Head = moved %t, %v", moved, err)
		}
	}
	ways["History"] = func(t *testing.T, p Process) {
		for i := range growingSubjects {
			wantHistory(t, p.Log, fmt.Sprint(subject(t), i), 4, 0)
		}
	}
	ways["Redact"] = func(t *testing.T, p Process) {
		for i := range growingSubjects {
			s := fmt.Sprint(subject(t), i)
			if err := p.Write(t.Context(), func(tx Tx) error { return tx.Redact(s) }); err != nil {
				t.Errorf("Redact: %v", err)
			}
		}
		for i := range growingSubjects { // History would let p know the number
			wantHistory(t, p.Log, fmt.Sprint(subject(t), i), 4, 4)
		}
	}
	names := []string{"Page after growth", "Head", "History", "Redact"} // Redact is the last
	for name := range ways {
		if !slices.Contains(names, name) {
			names = append([]string{name}, names...)
		}
	}
	for range names {
		old = append(old, g.old(t))
	}
	g.grow(t, 64)
	write(t, 3, 4, g.old(t))
	g.wantUsed(t)
	for i, name := range names {
		ways[name](t, old[i])
		if t.Failed() {
			t.Fatalf("%s failed", name)
		}
	}
}

// testNewProcess opens the log after it has grown, twice at once.
func testNewProcess(t *testing.T, g Growing) {
	write(t, 1, 1, g.Open(t))
	g.grow(t, 32)
	g.grow(t, 128)
	write(t, 2, 3, g.old(t))
	g.wantUsed(t)
	wantRead(t, g.Open(t).Log, 50, 3)
	(&follower{log: g.Open(t).Log, limit: 50, last: map[string]int64{}}).want(t, 3)
	for i := range growingSubjects {
		s := fmt.Sprint(subject(t), i)
		if err := g.Open(t).Write(t.Context(), func(tx Tx) error { return tx.Redact(s) }); err != nil {
			t.Errorf("Redact: %v", err)
		}
		wantHistory(t, g.Open(t).Log, s, 3, 3)
		if i == 4 {
			break
		}
	}
}

// wantRead reads all shards as a relay does, and fails the test unless each subject
// has its versions in order, up to last.
func wantRead(t *testing.T, log eventlog.Log, limit int, last int64) {
	t.Helper()
	from := make([]eventlog.ShardOffset, eventlog.Shards)
	for shard := range from {
		from[shard].Shard = shard
	}
	seen := map[string]int64{}
	for {
		entries, err := log.Read(t.Context(), from, limit)
		if err != nil || len(entries) > limit {
			t.Fatalf("Read = %d events, %v, want at most %d", len(entries), err, limit)
		}
		if !slices.IsSortedFunc(entries, func(a, b eventlog.Entry) int {
			return cmp.Compare(eventlog.Shard(a.Subject), eventlog.Shard(b.Subject))
		}) {
			t.Error("the events are not in the order of the shards")
		}
		for _, e := range entries {
			if e.Version != seen[e.Subject]+1 {
				t.Errorf("%s follows version %d, limit %d", e.ID(), seen[e.Subject], limit)
			}
			seen[e.Subject], from[eventlog.Shard(e.Subject)].After = e.Version, e.Offset
		}
		if len(entries) < limit {
			break
		}
	}
	for i := range growingSubjects {
		if s := fmt.Sprint(subject(t), i); seen[s] != last {
			t.Errorf("%s ends with version %d, want %d, limit %d", s, seen[s], last, limit)
		}
	}
}

// wantHistory fails the test unless a subject has versions up to last, and those
// up to redacted have no payload.
func wantHistory(t *testing.T, log eventlog.Reader, subject string, last, redacted int64) {
	t.Helper()
	var records []eventlog.Record
	for after := int64(0); ; { // in steps of two
		next, err := log.History(t.Context(), subject, after, 2)
		if err != nil {
			t.Fatalf("History: %v", err)
		}
		if records = append(records, next...); len(next) < 2 {
			break
		}
		after = next[1].Version
	}
	if int64(len(records)) != last {
		t.Errorf("the history of %s has %d events, want %d", subject, len(records), last)
	}
	for i, r := range records {
		if r.Version != int64(i)+1 || (string(r.Data) == events.Redacted) != (r.Version <= redacted) {
			t.Errorf("event %d of the history is %s with %s", i, r.ID(), r.Data)
		}
	}
}
