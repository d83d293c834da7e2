package membus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/bustest"
	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/fault"
)

func newBus(t *testing.T) (b *membus.Bus, dir string) {
	dir = t.TempDir()
	return membus.New(map[string][]string{"topic": {"one", "two"}, "quiet": nil}, dir, zap.NewNop()), dir
}

// deadLetters reads the dead letters of a subscription.
func deadLetters(t *testing.T, dir, subscription string) (dead []bustest.DeadLetter) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "dead-letters.ndjson"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // the line is still being written
		}
		var d struct {
			Time                 time.Time
			Subscription, Reason string
			OrderingKey          string `json:"ordering_key"`
			Attributes           map[string]string
			Data                 json.RawMessage
			DataBase64           []byte `json:"data_base64"`
		}
		if err := json.Unmarshal(line, &d); err != nil {
			continue // the rest of a crash
		}
		if d.Time.IsZero() || (d.Data == nil) == (d.DataBase64 == nil) {
			t.Errorf("dead letter %s", line)
		}
		if d.Subscription == subscription {
			dead = append(dead, bustest.DeadLetter{
				Message: bus.Message{OrderingKey: d.OrderingKey, Attributes: d.Attributes, Data: append(d.Data, d.DataBase64...)}, Reason: d.Reason,
			})
		}
	}
	return dead
}

func TestSuite(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bustest.Topic {
		b, dir := newBus(t)
		return bustest.Topic{
			Publisher:   b.Publisher("topic"),
			Subscribers: [2]bus.Subscriber{b.Subscriber("topic", "one"), b.Subscriber("topic", "two")},
			DeadLetters: func(t *testing.T) []bustest.DeadLetter { return deadLetters(t, dir, "one") },
			// The broker of one process is unreachable while nothing receives.
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
		b, _ := newBus(t)
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

func TestDeadLetterSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, dir := newBus(t)
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
		for _, name := range []string{"one", "two"} {
			if got := deadLetters(t, dir, name); len(got) != 1 {
				t.Errorf("%s has the dead letters %v, want one", name, got)
			}
		}
	})
}

// A message is settled only after its dead letter is on disk. A new dead letter
// starts on a new line even if a crash left an incomplete one.
func TestDeadLettersAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, dir := newBus(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, name := range []string{"one", "two"} {
			go b.Subscriber("topic", name).Receive(ctx, func(context.Context, bus.Message) error {
				if name == "one" {
					return fault.New(fault.Invalid, "bad", "bad <message>")
				}
				return nil
			})
		}
		file := filepath.Join(dir, "dead-letters.ndjson")
		if err := os.Mkdir(file, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := b.Publisher("topic").Publish(t.Context(), messages("1")); !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("Publish = %v while the dead letter cannot be kept, want ErrUnavailable", err)
		}
		if err := errors.Join(os.Remove(file), os.WriteFile(file, []byte(`{"subscription":"o`), 0o600)); err != nil {
			t.Fatal(err)
		}
		data := []string{"1.50", `{"name":"<&"}`, "{", "\x00\xff"}
		var want []bustest.DeadLetter
		for _, m := range messages(data...) {
			want = append(want, bustest.DeadLetter{Message: m, Reason: "bad <message>"})
			if err := b.Publisher("topic").Publish(t.Context(), []bus.Message{m}); err != nil {
				t.Errorf("Publish = %v", err)
			}
		}
		if diff := cmp.Diff(want, deadLetters(t, dir, "one")); diff != "" {
			t.Errorf("dead letters (-want +got):\n%s", diff)
		}
	})
}

// A publisher that gave up publishes again while a handler still runs with the
// first copy. The messages of the key are still handled one at a time and in
// order.
func TestPublishAgainWhileUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := membus.New(map[string][]string{"topic": {"one"}}, t.TempDir(), zap.NewNop())
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
		first[0].Data[0] = 'X' // the caller owns the message again
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
		b := membus.New(map[string][]string{"topic": {"one"}}, t.TempDir(), zap.NewNop())
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
	b, _ := newBus(t)
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
			mb := membus.New(map[string][]string{"topic": {"one"}}, b.TempDir(), zap.NewNop())
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
