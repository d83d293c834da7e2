package eventlogtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
)

// Relayed is the setup for a test of a relay: a backend and a topic with one
// subscription.
type Relayed struct {
	Backend
	// Other is the log as another replica opens it, or Log if the database
	// allows only one process.
	Other      eventlog.Log
	Publisher  bus.Publisher
	Subscriber bus.Subscriber
	// Busy is the tolerance for time limits where the clock is real. It is 0
	// with a fake clock.
	Busy time.Duration
}

// RunRelay tests the relay on a log and a bus. open creates a new log each
// time. Each case runs inside a call of within, which may provide a fake clock.
func RunRelay(t *testing.T, open func(*testing.T) Relayed, within func(*testing.T, func(*testing.T))) {
	for _, step := range []string{
		"nothing", "publish", "publishing half", "the broker's acknowledgement",
		"saving the cursor", "the answer that it is saved", "reading", "claiming",
	} {
		t.Run("failure of "+step, func(t *testing.T) {
			t.Parallel()
			within(t, func(t *testing.T) { testFailure(t, open(t), step) })
		})
	}
	for _, c := range []struct {
		name string
		run  func(*testing.T, Relayed)
	}{
		{"what is erased before it is published", testErased},
		{"a lease lost while publishing", testLostLease},
		{"replicas that come and go", testReplicas},
		{"a replica dies", testDeath},
		{"a replica stops", testHandOver},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			within(t, func(t *testing.T) { c.run(t, open(t)) })
		})
	}
}

// patience is how long the suite waits for a condition.
const patience = 30 * time.Second

// start runs a relay until stop is called or the test ends.
func start(t *testing.T, log eventlog.Log, pub bus.Publisher) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	relay := eventlog.NewRelay(eventlog.RelayConfig{
		Name: "test", Origin: "https://api.example.com", Log: log, Publisher: pub, Logger: zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)),
	})
	go func() {
		defer close(done)
		relay.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

// burst writes from several goroutines and returns the final versions. The
// subjects differ for each value of of.
func burst(t *testing.T, write func(context.Context, func(Tx) error) error, of string) map[string]int64 {
	t.Helper()
	const writers, versions = 6, 12
	want := map[string]int64{}
	var wg sync.WaitGroup
	for i := range writers {
		s := fmt.Sprintf("account/%x%s%d", t.Name(), of, i)
		want[s] = versions
		wg.Go(func() {
			for version := range int64(versions) {
				if err := write(t.Context(), func(tx Tx) error { return tx.Append(event(s, version+1)) }); err != nil {
					t.Errorf("Write: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	return want
}

// oneEach writes an event to every shard.
func oneEach(t *testing.T, b Backend, version int64) map[string]int64 {
	t.Helper()
	want := map[string]int64{}
	for shard := range eventlog.Shards {
		s := subjectIn(t, shard)
		appendAll(t, b.Write, event(s, version))
		want[s] = version
	}
	return want
}

// testFailure makes one step of the relay fail, several times if it is
// repeated, while events are written.
func testFailure(t *testing.T, r Relayed, step string) {
	var failures atomic.Int32
	fail := func(at string) error {
		if at == step && failures.Add(1) <= 4 {
			return errInjected
		}
		return nil
	}
	c := consume(t, r.Subscriber)
	log := watch(r.Log, fail)
	stop := start(t, log, unreliable{r.Publisher, fail})
	want := burst(t, r.Write, "")
	c.await(t, want, patience)
	log.awaitSaved(t, r.Backend)
	stop()
	if step != "nothing" && failures.Load() == 0 {
		t.Error("the step did not fail")
	}
	if n := c.repeated(); n > 0 && slices.Contains([]string{"nothing", "publish", "saving the cursor", "reading", "claiming"}, step) {
		t.Errorf("%d duplicates without a reason", n)
	}
	for shard, cursor := range published(t, r.Backend) {
		if rest := read(t, r.Backend, shard, cursor, 100); len(rest) > 0 {
			t.Errorf("%s would be published again", rest[0].ID())
		}
	}
}

// testErased erases events while their first publication fails. The second
// attempt must not publish the erased payloads.
func testErased(t *testing.T, r Relayed) {
	s := subject(t)
	var once sync.Once
	fail := func(step string) (err error) {
		if step == "publish" {
			once.Do(func() {
				err = errInjected
				if failed := r.Write(t.Context(), func(tx Tx) error { return tx.Redact(s) }); failed != nil {
					t.Errorf("Redact: %v", failed)
				}
			})
		}
		return err
	}
	told := make(chan bus.Message, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- r.Subscriber.Receive(ctx, func(_ context.Context, m bus.Message) error {
			told <- m
			return nil
		})
	}()
	appendAll(t, r.Write, event(s, 1), event(s, 2))
	stop := start(t, r.Log, unreliable{r.Publisher, fail})
	for version := int64(1); version <= 2; version++ {
		select {
		case m := <-told:
			if want := (events.Event{Subject: s, Version: version}).ID(); m.Attributes["ce-id"] != want || string(m.Data) != events.Redacted {
				t.Errorf("published is %s with %s, want %s with %s", m.Attributes["ce-id"], m.Data, want, events.Redacted)
			}
		case <-time.After(patience):
			t.Fatalf("version %d is not published within %v", version, patience)
		}
	}
	stop()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Receive: %v", err)
	}
}

// testLostLease takes away a shard while it is being published.
func testLostLease(t *testing.T, r Relayed) {
	s := subject(t)
	shard := eventlog.Shard(s)
	var once sync.Once
	var taken []eventlog.Lease
	var before [eventlog.Shards]eventlog.Offset
	steal := func(step string) error {
		if step == "the broker's acknowledgement" {
			once.Do(func() {
				for len(taken) < eventlog.Shards && !t.Failed() { // the relay may renew its leases in between
					pass(t, r.Backend, eventlog.LeaseTTL)
					taken, _ = claim(t, r.Backend, "thief")
				}
				before = published(t, r.Backend)
			})
		}
		return nil
	}
	saved := make(chan struct{}, 1)
	log := watch(r.Log, func(step string) error {
		if step == "the answer that it is saved" {
			select {
			case saved <- struct{}{}:
			default:
			}
		}
		return nil
	})
	c := consume(t, r.Subscriber)
	start(t, log, unreliable{r.Publisher, steal})
	appendAll(t, r.Write, event(s, 1), event(s, 2))
	c.await(t, map[string]int64{s: 2}, patience)
	<-saved
	log.awaitShare(t, 0) // the relay has noticed the loss, and claims again
	if again, _ := claim(t, r.Backend, "thief"); len(taken) != eventlog.Shards || len(again) != eventlog.Shards {
		t.Errorf("the thief has %d leases, then %d, want all", len(taken), len(again))
	}
	if after := published(t, r.Backend); after[shard] != before[shard] {
		t.Errorf("without a lease, the cursor moved from %q to %q", before[shard], after[shard])
	}
	appendAll(t, r.Write, event(s, 3))
	leave(t, r.Backend, "thief")
	c.await(t, map[string]int64{s: 3}, patience)
	if n := c.repeated(); n < 2 {
		t.Errorf("%d duplicates, want both events again that were not saved", n)
	}
}

func testReplicas(t *testing.T, r Relayed) {
	c := consume(t, r.Subscriber)
	one, other := watch(r.Log, never), watch(r.Other, never)
	stop := start(t, one, r.Publisher)
	want := burst(t, r.Write, "a")
	stopOther := start(t, other, r.Publisher)
	maps.Copy(want, burst(t, r.Elsewhere, "b"))
	one.awaitShare(t, eventlog.Shards/2)
	other.awaitShare(t, eventlog.Shards/2)
	maps.Copy(want, burst(t, r.Write, "c"))
	stop()
	maps.Copy(want, burst(t, r.Elsewhere, "d"))
	other.awaitShare(t, eventlog.Shards)
	maps.Copy(want, burst(t, r.Elsewhere, "e"))
	c.await(t, want, patience)
	stopOther()
	if n := c.repeated(); n > 0 && r.Busy == 0 { // with a real clock, a pause may cost a lease
		t.Errorf("%d duplicates, though the shards were handed over", n)
	}
}

// testDeath disconnects a replica from the database and the broker, so that it
// cannot release its leases.
func testDeath(t *testing.T, r Relayed) {
	var dead atomic.Bool
	mortal := func(string) error {
		if dead.Load() {
			return errInjected
		}
		return nil
	}
	c := consume(t, r.Subscriber)
	one, other := watch(r.Log, mortal), watch(r.Other, never)
	start(t, one, unreliable{r.Publisher, mortal})
	start(t, other, r.Publisher)
	one.awaitShare(t, eventlog.Shards/2)
	other.awaitShare(t, eventlog.Shards/2)
	c.await(t, oneEach(t, r.Backend, 1), patience)
	dead.Store(true)
	c.await(t, oneEach(t, r.Backend, 2), 10*time.Second+r.Busy)
}

func testHandOver(t *testing.T, r Relayed) {
	c := consume(t, r.Subscriber)
	one, other := watch(r.Log, never), watch(r.Other, never)
	stop := start(t, one, r.Publisher)
	start(t, other, r.Publisher)
	one.awaitShare(t, eventlog.Shards/2)
	other.awaitShare(t, eventlog.Shards/2)
	stop()
	c.await(t, oneEach(t, r.Backend, 1), 3500*time.Millisecond+r.Busy)
}
