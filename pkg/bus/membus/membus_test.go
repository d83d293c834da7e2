package membus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/bustest"
	"github.com/concha-labs/backend/pkg/bus/membus"
)

func newBus() (*membus.Bus, *observer.ObservedLogs) {
	core, logs := observer.New(zap.ErrorLevel)
	return membus.New(map[string][]string{"topic": {"one", "two"}, "quiet": nil}, zap.New(core)), logs
}

func TestSuite(t *testing.T) {
	bustest.Run(t, func(*testing.T) bustest.Topic {
		b, logs := newBus()
		return bustest.Topic{
			Publisher:   b.Publisher("topic"),
			Subscribers: [2]bus.Subscriber{b.Subscriber("topic", "one"), b.Subscriber("topic", "two")},
			DeadLetters: func(*testing.T) (ids []string) {
				for _, line := range logs.FilterField(zap.String("subscription", "one")).All() {
					ids = append(ids, line.ContextMap()["event_id"].(string))
				}
				return ids
			},
			// The broker of one process is out of reach while nobody receives.
			Break: func() func() { return func() {} },
		}
	})
}

func messages(data ...string) (msgs []bus.Message) {
	for _, d := range data {
		msgs = append(msgs, bus.Message{OrderingKey: "account/1", Data: []byte(d)})
	}
	return msgs
}

func TestPublishReturnsOnceEverySubscriptionHasSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBus()
		published := make(chan error, 1)
		go func() { published <- b.Publisher("topic").Publish(t.Context(), messages("1")) }()
		pending := func(why string) {
			t.Helper()
			synctest.Wait()
			select {
			case err := <-published:
				t.Fatalf("Publish returned %v %s", err, why)
			default:
			}
		}
		pending("before anybody receives")

		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go b.Subscriber("topic", "one").Receive(ctx, func(context.Context, bus.Message) error { return nil })
		pending("before the second subscription has the message")

		acknowledge := make(chan error)
		go b.Subscriber("topic", "two").Receive(ctx, func(context.Context, bus.Message) error { return <-acknowledge })
		pending("while the handler of the second works")
		acknowledge <- errors.New("not yet")
		pending("after the handler of the second failed")
		acknowledge <- nil
		if err := <-published; err != nil {
			t.Errorf("Publish = %v", err)
		}
	})
}

func TestDroppedMessageSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, logs := newBus()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, name := range []string{"one", "two"} {
			go b.Subscriber("topic", name).Receive(ctx, func(context.Context, bus.Message) error {
				return errors.New("bug")
			})
		}
		start := time.Now()
		if err := b.Publisher("topic").Publish(t.Context(), messages("1")); err != nil {
			t.Errorf("Publish = %v", err)
		}
		if took := time.Since(start); took != 150*time.Millisecond {
			t.Errorf("gave up after %v, want 10+20+40+80 ms", took)
		}
		if logs.Len() != 2 {
			t.Errorf("%d error lines, want one for each subscription", logs.Len())
		}
	})
}

// A publisher that gave up publishes again while a handler still has the first
// copy: the key stays one at a time and in order.
func TestPublishAgainWhileUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := membus.New(map[string][]string{"topic": {"one"}}, zap.NewNop())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var log []string
		go b.Subscriber("topic", "one").Receive(ctx, func(_ context.Context, m bus.Message) error {
			log = append(log, "start "+string(m.Data))
			time.Sleep(time.Minute)
			log = append(log, "end "+string(m.Data))
			return nil
		})
		short, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		first := messages("1", "2")
		if err := b.Publisher("topic").Publish(short, first); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("Publish = %v, want ErrUnavailable for DeadlineExceeded", err)
		}
		first[0].Data[0] = 'X' // its own again
		if err := b.Publisher("topic").Publish(t.Context(), messages("1", "2")); err != nil {
			t.Errorf("Publish = %v", err)
		}
		want := "[start 1 end 1 start 1 end 1 start 2 end 2]"
		if got := fmt.Sprint(log); got != want {
			t.Errorf("handled %s, want %s", got, want)
		}
	})
}

func TestReceiversShareASubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := membus.New(map[string][]string{"topic": {"one"}}, zap.NewNop())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		handled := make(chan struct{}, 100)
		for range 2 {
			go b.Subscriber("topic", "one").Receive(ctx, func(context.Context, bus.Message) error {
				handled <- struct{}{}
				return nil
			})
		}
		if err := b.Publisher("topic").Publish(t.Context(), messages("1", "2", "3")); err != nil {
			t.Errorf("Publish = %v", err)
		}
		if len(handled) != 3 {
			t.Errorf("handled %d times, want 3", len(handled))
		}
	})
}

func TestUnknownNames(t *testing.T) {
	b, _ := newBus()
	if err := b.Publisher("other").Publish(t.Context(), messages("1")); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("Publish to an unknown topic = %v", err)
	}
	if err := b.Subscriber("topic", "other").Receive(t.Context(), nil); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("Receive from an unknown subscription = %v", err)
	}
	if err := b.Publisher("quiet").Publish(t.Context(), messages("1")); err != nil {
		t.Errorf("Publish to a topic without subscriptions = %v", err)
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, keys := range []int{1, 100} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			mb := membus.New(map[string][]string{"topic": {"one"}}, zap.NewNop())
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			go mb.Subscriber("topic", "one").Receive(ctx, func(context.Context, bus.Message) error { return nil })
			batch := make([]bus.Message, 100)
			for i := range batch {
				batch[i] = bus.Message{OrderingKey: fmt.Sprint(i % keys), Data: []byte("data")}
			}
			for b.Loop() {
				if err := mb.Publisher("topic").Publish(ctx, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
