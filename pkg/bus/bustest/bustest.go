// Package bustest is the conformance suite of package bus. It also has a
// subscriber that delivers duplicates, for tests of handlers.
package bustest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/bus"
)

// Topic is a new topic with two subscriptions that have no receiver yet.
type Topic struct {
	Publisher   bus.Publisher
	Subscribers [2]bus.Subscriber
	// DeadLetters returns the dead letters of the first subscription: either
	// all of them or those that it has not returned before.
	DeadLetters func(t *testing.T) []DeadLetter
	// Break makes the broker unreachable for the publisher until repair is
	// called. The suite calls it only while nothing receives.
	Break func() (repair func())
	// AnyOrderAgain is true if the broker redelivers messages in any order.
	// Only an emulator may do that.
	AnyOrderAgain bool
}

// DeadLetter is a message as it was published, and the reason why it was not
// handled.
type DeadLetter struct {
	Message bus.Message
	Reason  string
}

// deadline bounds each wait of the suite. A broker may redeliver a message to a
// stream that is closing, which holds it for another minute.
const deadline = 90 * time.Second

// Run runs the suite. open returns a new topic each time, and is called
// concurrently.
func Run(t *testing.T, open func(t *testing.T) Topic) {
	tests := map[string]func(*testing.T, Topic){
		"ContentIsIntact":           testContent,
		"OrderWithinAKey":           testOrder,
		"KeysAreIndependent":        testKeysAreIndependent,
		"FailureIsRepeatedInOrder":  testFailureIsRepeatedInOrder,
		"PermanentErrors":           testPermanentErrors,
		"AttemptsUsedUp":            testAttemptsUsedUp,
		"EverySubscriptionGetsAll":  testEverySubscription,
		"WaitsForWhatIsUnderWay":    testWaitsForWhatIsUnderWay,
		"WaitIsBounded":             testWaitIsBounded,
		"UnhandledComesAgain":       testUnhandledComesAgain,
		"PublishFailsThenSucceeds":  testPublishFailsThenSucceeds,
		"PublishGivesUpWithContext": testPublishGivesUpWithContext,
		"LimitsOfAMessage":          testLimits,
		"BigBatch":                  testBigBatch,
		"ConcurrentPublishers":      testConcurrentPublishers,
		"OwnCopies":                 testOwnCopies,
		"HandlersMayRepeat":         testDuplicating,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// Duplicating returns a subscriber that delivers every message more than once:
// message n of a key is followed by n-1 and n again, as after a redelivery by
// the broker. It exposes handlers that are not idempotent.
func Duplicating(s bus.Subscriber) bus.Subscriber { return duplicating{s} }

type duplicating struct{ bus.Subscriber }

func (d duplicating) Receive(ctx context.Context, h bus.Handler) error {
	var last sync.Map // ordering key to its last message
	return d.Subscriber.Receive(ctx, func(ctx context.Context, m bus.Message) error {
		again := []bus.Message{m.Clone(), m.Clone()}
		if before, ok := last.Load(m.OrderingKey); ok {
			again = []bus.Message{m.Clone(), before.(bus.Message).Clone(), m.Clone()}
		}
		for _, m := range again {
			if err := h(ctx, m); err != nil {
				return err
			}
		}
		last.Store(m.OrderingKey, m)
		return nil
	})
}

// publish publishes msgs in the background, because an in-process publisher
// waits for its subscribers.
func publish(t *testing.T, p bus.Publisher, msgs ...bus.Message) {
	t.Helper()
	published := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), deadline)
	go func() { published <- p.Publish(ctx, msgs) }()
	t.Cleanup(func() {
		defer cancel()
		if err := <-published; err != nil {
			t.Errorf("Publish: %v", err)
		}
	})
}

// receive runs Receive until stop is called or the test ends. stop waits for
// Receive to return.
func receive(t *testing.T, s bus.Subscriber, h bus.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Receive(ctx, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Receive: %v", err)
			}
		case <-time.After(deadline):
			t.Error("Receive does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// settle acknowledges everything that s receives, so that an in-process
// publisher does not wait for it.
func settle(t *testing.T, s bus.Subscriber) {
	receive(t, s, func(context.Context, bus.Message) error { return nil })
}

// recorder is a handler that records the messages it receives. It ignores
// messages that it has handled before, which a broker may deliver again.
type recorder struct {
	fail func(m bus.Message, attempt int) error // nil: never fails

	mu      sync.Mutex
	changed chan struct{}
	keys    map[string][]string // ordering key to the data of its messages
	tries   map[string]int      // by "ce-id"
	handled map[string]bool     // by "ce-id"
	busy    map[string]bool     // by ordering key
	overlap bool
	count   int
}

func newRecorder(fail func(m bus.Message, attempt int) error) *recorder {
	return &recorder{
		fail: fail, changed: make(chan struct{}), keys: map[string][]string{},
		tries: map[string]int{}, handled: map[string]bool{}, busy: map[string]bool{},
	}
}

func (r *recorder) handle(_ context.Context, m bus.Message) error {
	r.mu.Lock()
	r.overlap = r.overlap || r.busy[m.OrderingKey]
	r.busy[m.OrderingKey] = true
	r.mu.Unlock()
	runtime.Gosched() // lets a second message of the key in, if the subscriber allows it

	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, m.OrderingKey)
	id := m.Attributes["ce-id"]
	if r.handled[id] {
		return nil
	}
	r.keys[m.OrderingKey] = append(r.keys[m.OrderingKey], string(m.Data))
	r.count++
	close(r.changed)
	r.changed = make(chan struct{})
	var err error
	if r.fail != nil {
		r.tries[id]++
		err = r.fail(m, r.tries[id])
	}
	r.handled[id] = err == nil
	return err
}

// wait waits until n messages have arrived.
func (r *recorder) wait(t *testing.T, n int) {
	t.Helper()
	limit := time.After(deadline)
	for {
		r.mu.Lock()
		count, changed := r.count, r.changed
		r.mu.Unlock()
		if count >= n {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("%d messages came, want %d", count, n)
		}
	}
}

// want checks the recorded messages of each key.
func (r *recorder) want(t *testing.T, keys map[string][]string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.overlap {
		t.Error("two messages of one key were handled at the same time")
	}
	if diff := cmp.Diff(keys, r.keys); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
}

// wantDeadLetters waits for the dead letters, in any order and possibly
// repeated.
func wantDeadLetters(t *testing.T, topic Topic, want ...DeadLetter) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	got := map[string]DeadLetter{}
	for ctx.Err() == nil && len(got) < len(want) {
		for _, d := range topic.DeadLetters(t) {
			got[d.Message.Attributes["ce-id"]] = d
		}
	}
	expected := map[string]DeadLetter{}
	for _, d := range want {
		expected[d.Message.Attributes["ce-id"]] = d
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
}

func message(key, data string) bus.Message {
	return bus.Message{OrderingKey: key, Attributes: map[string]string{"ce-id": key + "/" + data}, Data: []byte(data)}
}

var errBroken = errors.New("broken")
