package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/eventlog"
)

var errInjected = errors.New("injected")

// consumer follows the rule for consumers: a version that is not newer than the
// last is a duplicate, and a skipped version is an error.
type consumer struct {
	mu         sync.Mutex
	last       map[string]int64
	duplicates int
	faults     []string
	changed    chan struct{}
}

// consume starts a consumer of the published events. It stops at the end of the
// test.
func consume(t *testing.T, sub bus.Subscriber) *consumer {
	t.Helper()
	c := &consumer{last: map[string]int64{}, changed: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sub.Receive(ctx, c.handle) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Receive: %v", err)
		}
	})
	return c
}

func (c *consumer) handle(_ context.Context, m bus.Message) error {
	subject := m.Attributes["ce-subject"]
	version, err := strconv.ParseInt(m.Attributes["ce-resourceversion"], 10, 64)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch last := c.last[subject]; {
	case err != nil || m.OrderingKey != subject:
		c.faults = append(c.faults, fmt.Sprintf("malformed: %v", m))
	case version <= last:
		c.duplicates++
	case version > last+1:
		c.faults = append(c.faults, fmt.Sprintf("%s: %d came after %d", subject, version, last))
	default:
		c.last[subject] = version
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
	return nil
}

// repeated returns the number of duplicates.
func (c *consumer) repeated() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.duplicates
}

// await waits until every subject has reached its version. Disorder fails the
// test.
func (c *consumer) await(t *testing.T, want map[string]int64, within time.Duration) {
	t.Helper()
	limit := time.After(within)
	for {
		c.mu.Lock()
		faults, got := slices.Clone(c.faults), maps.Clone(c.last)
		c.mu.Unlock()
		if faults != nil {
			t.Fatalf("out of order: %v", faults)
		}
		maps.DeleteFunc(got, func(subject string, _ int64) bool { return want[subject] == 0 })
		if maps.Equal(got, want) {
			return
		}
		select {
		case <-c.changed:
		case <-limit:
			t.Fatalf("after %v, the consumer has come to %v, want %v", within, got, want)
		}
	}
}

// watched is a log that counts the leases of its relay and fails on demand.
type watched struct {
	eventlog.Log
	held    atomic.Int32
	fail    func(step string) error
	claimed chan struct{}

	mu        sync.Mutex
	published map[int]eventlog.Offset // by shard
	saved     chan struct{}
}

func watch(log eventlog.Log, fail func(step string) error) *watched {
	return &watched{Log: log, fail: fail, claimed: make(chan struct{}, 1), published: map[int]eventlog.Offset{}, saved: make(chan struct{}, 1)}
}

func (w *watched) Read(ctx context.Context, from []eventlog.ShardOffset, limit int) ([]eventlog.Entry, error) {
	if err := w.fail("reading"); err != nil {
		return nil, err
	}
	return w.Log.Read(ctx, from, limit)
}

func (w *watched) Claim(ctx context.Context, replica string, release []int) ([]eventlog.Lease, int, error) {
	if err := w.fail("claiming"); err != nil {
		return nil, 0, err
	}
	leases, share, err := w.Log.Claim(ctx, replica, release)
	w.held.Store(int32(len(leases)))
	select {
	case w.claimed <- struct{}{}:
	default:
	}
	return leases, share, err
}

func (w *watched) Leave(ctx context.Context, replica string) error {
	if err := w.fail("leaving"); err != nil {
		return err
	}
	return w.Log.Leave(ctx, replica)
}

func (w *watched) SavePublished(ctx context.Context, done []eventlog.Progress) ([]int, error) {
	if err := w.fail("saving the cursor"); err != nil {
		return nil, err
	}
	lost, err := w.Log.SavePublished(ctx, done)
	if err == nil {
		w.mu.Lock()
		for _, p := range done {
			w.published[p.Shard] = p.UpTo
		}
		w.mu.Unlock()
		select {
		case w.saved <- struct{}{}:
		default:
		}
	}
	if answer := w.fail("the answer that it is saved"); answer != nil {
		return nil, answer
	}
	return lost, err
}

// awaitShare waits until the relay of w holds want leases.
func (w *watched) awaitShare(t *testing.T, want int32) {
	t.Helper()
	limit := time.After(patience)
	for w.held.Load() != want {
		select {
		case <-w.claimed:
		case <-limit:
			t.Fatalf("the replica has %d leases after %v, want %d", w.held.Load(), patience, want)
		}
	}
}

// awaitSaved waits until the relay of w has saved every event in its log as
// published.
func (w *watched) awaitSaved(t *testing.T, b Backend) {
	t.Helper()
	limit := time.After(patience)
	upTo := func(shard int) eventlog.Offset {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.published[shard]
	}
	for shard := range eventlog.Shards {
		events := read(t, b, shard, "", 100)
		for len(events) > 0 && upTo(shard) != events[len(events)-1].Offset {
			select {
			case <-w.saved:
			case <-limit:
				t.Fatalf("after %v, shard %d is saved up to %q", patience, shard, upTo(shard))
			}
		}
	}
}

// unreliable is a publisher that fails on demand.
type unreliable struct {
	bus.Publisher
	fail func(step string) error
}

func (u unreliable) Publish(ctx context.Context, msgs []bus.Message) error {
	if err := u.fail("publish"); err != nil {
		return err
	}
	if err := u.fail("publishing half"); err != nil {
		return errors.Join(u.Publisher.Publish(ctx, msgs[:(len(msgs)+1)/2]), err)
	}
	if err := u.Publisher.Publish(ctx, msgs); err != nil {
		return err
	}
	return u.fail("the broker's acknowledgement")
}

func never(string) error { return nil }
