package bustest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/events/eventstest"
	"github.com/concha-labs/backend/pkg/fault"
)

// numbered returns messages 1 to n for each of keys keys, interleaved, and the
// messages that a recorder is expected to have.
func numbered(keys, n int) (msgs []bus.Message, want map[string][]string) {
	want = make(map[string][]string)
	for i := range n {
		for k := range keys {
			key, data := fmt.Sprintf("account/%d", k), fmt.Sprint(i+1)
			msgs = append(msgs, message(key, data))
			want[key] = append(want[key], data)
		}
	}
	return msgs, want
}

func testContent(t *testing.T, topic Topic) {
	settle(t, topic.Subscribers[1])
	got := make(chan bus.Message, 10)
	receive(t, topic.Subscribers[0], func(_ context.Context, m bus.Message) error {
		got <- m
		return nil
	})
	binary := bus.Message{
		OrderingKey: "ключ/1", Data: []byte{0, 1, 0xff, '\n'},
		Attributes: map[string]string{"empty": "", "text": "α\n\"&<"},
	}
	publish(t, topic.Publisher, binary)
	if diff := cmp.Diff(binary, <-got); diff != "" {
		t.Errorf("received (-published +got):\n%s", diff)
	}
	for _, e := range eventstest.Events() {
		publish(t, topic.Publisher, bus.Message{OrderingKey: e.Subject, Attributes: e.Attributes(eventstest.Origin), Data: e.Data})
		m := <-got
		want, err := eventstest.Golden(e.Type)
		if err != nil {
			t.Fatal(err)
		}
		var data, wantData bytes.Buffer
		if err := errors.Join(json.Compact(&data, m.Data), json.Compact(&wantData, want.Data)); err != nil {
			t.Fatal(err)
		}
		want.Data = wantData.Bytes()
		if diff := cmp.Diff(want, eventstest.Message{OrderingKey: m.OrderingKey, Attributes: m.Attributes, Data: data.Bytes()}); diff != "" {
			t.Errorf("%s: received (-golden +got):\n%s", e.Type, diff)
		}
	}
}

func testOrder(t *testing.T, topic Topic) {
	settle(t, topic.Subscribers[1])
	msgs, want := numbered(8, 12)
	r := newRecorder(nil)
	receive(t, topic.Subscribers[0], r.handle)
	half := len(msgs) / 2
	for _, part := range [][]bus.Message{msgs[:half], msgs[half:]} {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		if err := topic.Publisher.Publish(ctx, part); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	r.wait(t, len(msgs))
	r.want(t, want)
}

func testKeysAreIndependent(t *testing.T, topic Topic) {
	settle(t, topic.Subscribers[1])
	other := make(chan struct{})
	met := make(chan struct{})
	receive(t, topic.Subscribers[0], func(ctx context.Context, m bus.Message) error {
		if m.OrderingKey == "b" {
			close(other)
			return nil
		}
		select {
		case <-other:
			close(met)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	publish(t, topic.Publisher, message("a", "1"), message("b", "1"))
	select {
	case <-met:
	case <-time.After(deadline):
		t.Error("a message waits for one of another key")
	}
}

func testFailureIsRepeatedInOrder(t *testing.T, topic Topic) {
	settle(t, topic.Subscribers[1])
	outage := fault.New(fault.Unavailable, "down", "down")
	r := newRecorder(func(m bus.Message, attempt int) error {
		switch {
		case m.OrderingKey == "a" && string(m.Data) == "2" && attempt == 1:
			return errBroken
		case m.OrderingKey == "a" && string(m.Data) == "3" && attempt == 1:
			return outage
		default:
			return nil
		}
	})
	receive(t, topic.Subscribers[0], r.handle)
	publish(t, topic.Publisher, message("a", "1"), message("a", "2"), message("a", "3"), message("a", "4"), message("b", "1"))
	r.wait(t, 7)
	r.want(t, map[string][]string{"a": {"1", "2", "2", "3", "3", "4"}, "b": {"1"}})
}

func testPermanentErrors(t *testing.T, topic Topic) {
	settle(t, topic.Subscribers[1])
	kinds := []fault.Kind{fault.Invalid, fault.NotFound, fault.Conflict, fault.TooLarge, fault.Unsupported}
	var msgs []bus.Message
	var dead []DeadLetter
	var datas []string
	for i := range kinds {
		m := message("a", fmt.Sprint(i))
		msgs = append(msgs, m)
		dead = append(dead, DeadLetter{m, "handle: no " + m.OrderingKey + string(m.Data)})
		datas = append(datas, string(m.Data))
	}
	r := newRecorder(func(m bus.Message, _ int) error {
		if i := slices.Index(datas, string(m.Data)); i >= 0 {
			return fmt.Errorf("handle: %w", fault.New(kinds[i], "no", "no "+m.OrderingKey+string(m.Data)))
		}
		return nil
	})
	receive(t, topic.Subscribers[0], r.handle)
	publish(t, topic.Publisher, append(msgs, message("a", "good"))...)
	r.wait(t, len(msgs)+1)
	r.want(t, map[string][]string{"a": append(datas, "good")})
	wantDeadLetters(t, topic, dead...)
}

func testAttemptsUsedUp(t *testing.T, topic Topic) {
	settle(t, topic.Subscribers[1])
	r := newRecorder(func(m bus.Message, _ int) error {
		if string(m.Data) == "bad" {
			return errBroken
		}
		return nil
	})
	receive(t, topic.Subscribers[0], r.handle)
	publish(t, topic.Publisher, message("a", "bad"), message("a", "good"))
	r.wait(t, bus.MaxAttempts+1)
	r.want(t, map[string][]string{"a": append(slices.Repeat([]string{"bad"}, bus.MaxAttempts), "good")})
	wantDeadLetters(t, topic, DeadLetter{message("a", "bad"), errBroken.Error()})
}

func testEverySubscription(t *testing.T, topic Topic) {
	msgs, want := numbered(2, 3)
	first := newRecorder(nil)
	second := newRecorder(func(m bus.Message, attempt int) error {
		if string(m.Data) == "2" && attempt == 1 {
			return errBroken // does not affect the first subscription
		}
		return nil
	})
	receive(t, topic.Subscribers[0], first.handle)
	receive(t, topic.Subscribers[1], second.handle)
	publish(t, topic.Publisher, msgs...)
	first.wait(t, len(msgs))
	first.want(t, want)
	second.wait(t, len(msgs)+2)
	second.want(t, map[string][]string{"account/0": {"1", "2", "2", "3"}, "account/1": {"1", "2", "2", "3"}})
}

func testWaitsForWhatIsUnderWay(t *testing.T, topic Topic) {
	settle(t, topic.Subscribers[1])
	started, finish := make(chan struct{}), make(chan struct{})
	var once sync.Once
	finished := make(chan error, 1)
	stop := receive(t, topic.Subscribers[0], func(ctx context.Context, _ bus.Message) error {
		once.Do(func() { close(started) })
		<-finish
		finished <- ctx.Err()
		return nil
	})
	publish(t, topic.Publisher, message("a", "1"))
	<-started
	time.AfterFunc(20*time.Millisecond, func() { close(finish) })
	stop()
	select {
	case err := <-finished:
		if err != nil {
			t.Errorf("the context of a handler under way: %v", err)
		}
	default:
		t.Fatal("Receive returned before the handler under way")
	}
	// The message was acknowledged, so only the next one arrives.
	r := newRecorder(nil)
	receive(t, topic.Subscribers[0], r.handle)
	publish(t, topic.Publisher, message("a", "2"))
	r.wait(t, 1)
	r.want(t, map[string][]string{"a": {"2"}})
}

func testWaitIsBounded(t *testing.T, topic Topic) {
	settle(t, topic.Subscribers[1])
	started, release := make(chan struct{}), make(chan struct{})
	stop := receive(t, topic.Subscribers[0], func(context.Context, bus.Message) error {
		close(started)
		<-release
		return nil
	})
	publish(t, topic.Publisher, message("a", "1"))
	<-started
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("Receive took %v to end with a handler that hangs", took)
	}
	close(release)
}

func testUnhandledComesAgain(t *testing.T, topic Topic) {
	settle(t, topic.Subscribers[1])
	started := make(chan struct{})
	stop := receive(t, topic.Subscribers[0], func(ctx context.Context, m bus.Message) error {
		if string(m.Data) != "1" {
			t.Errorf("message %s came before message 1 was handled", m.Data)
		}
		close(started)
		<-ctx.Done()
		return ctx.Err()
	})
	publish(t, topic.Publisher, message("a", "1"), message("a", "2"))
	<-started
	stop()
	r := newRecorder(nil)
	receive(t, topic.Subscribers[0], r.handle)
	r.wait(t, 2)
	if topic.AnyOrderAgain {
		r.mu.Lock()
		slices.Sort(r.keys["a"])
		r.mu.Unlock()
	}
	r.want(t, map[string][]string{"a": {"1", "2"}})
}

func testDuplicating(t *testing.T, topic Topic) {
	settle(t, topic.Subscribers[1])
	var mu sync.Mutex
	var got []string
	all := make(chan struct{})
	receive(t, Duplicating(topic.Subscribers[0]), func(_ context.Context, m bus.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if got = append(got, string(m.Data)); len(got) == 8 {
			close(all)
		}
		return nil
	})
	publish(t, topic.Publisher, message("a", "1"), message("a", "2"), message("a", "3"))
	<-all
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{"1", "1", "2", "1", "2", "3", "2", "3"}, got); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
}
