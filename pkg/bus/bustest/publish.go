package bustest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/fault"
)

func testPublishFailsThenSucceeds(t *testing.T, topic Topic) {
	msgs, want := numbered(3, 5)
	repair := topic.Break()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := topic.Publisher.Publish(ctx, msgs); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Publish to a broken broker = %v, want fault.Unavailable", err)
	}
	repair()
	settle(t, topic.Subscribers[1])
	r := newRecorder(nil)
	receive(t, topic.Subscribers[0], r.handle)
	publish(t, topic.Publisher, msgs...)
	r.wait(t, len(msgs))
	r.want(t, want)
}

func testPublishGivesUpWithContext(t *testing.T, topic Topic) {
	defer topic.Break()()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	begin := time.Now()
	err := topic.Publisher.Publish(ctx, []bus.Message{message("a", "1")})
	if !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("Publish = %v, want bus.ErrUnavailable", err)
	}
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("Publish took %v to return after its context ended", took)
	}
}

func testLimits(t *testing.T, topic Topic) {
	many := make(map[string]string)
	for i := range bus.MaxAttributes {
		many[fmt.Sprint(i)] = ""
	}
	long := func(n int) string { return strings.Repeat("x", n) }
	good := []bus.Message{
		{OrderingKey: long(bus.MaxOrderingKey), Data: []byte("1")},
		{OrderingKey: "many", Attributes: many, Data: []byte("1")},
		{OrderingKey: "long", Attributes: map[string]string{long(bus.MaxAttributeKey): long(bus.MaxAttributeValue)}, Data: []byte("1")},
	}
	settle(t, topic.Subscribers[1])
	r := newRecorder(nil)
	receive(t, topic.Subscribers[0], func(ctx context.Context, m bus.Message) error {
		m.Attributes = map[string]string{"ce-id": m.OrderingKey}
		return r.handle(ctx, m)
	})
	tooMany := map[string]string{"one more": ""}
	for k := range many {
		tooMany[k] = ""
	}
	for name, bad := range map[string]bus.Message{
		"no key":          {Data: []byte("1")},
		"long key":        {OrderingKey: long(bus.MaxOrderingKey + 1)},
		"broken key":      {OrderingKey: "\xff"},
		"many attributes": {OrderingKey: "a", Attributes: tooMany},
		"no name":         {OrderingKey: "a", Attributes: map[string]string{"": "x"}},
		"long name":       {OrderingKey: "a", Attributes: map[string]string{long(bus.MaxAttributeKey + 1): "x"}},
		"long value":      {OrderingKey: "a", Attributes: map[string]string{"a": long(bus.MaxAttributeValue + 1)}},
		"broken value":    {OrderingKey: "a", Attributes: map[string]string{"a": "\xff"}},
		"much data":       {OrderingKey: "a", Data: make([]byte, bus.MaxMessage)},
	} {
		err := topic.Publisher.Publish(t.Context(), []bus.Message{message("before", "1"), bad})
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: Publish = %.200v, want fault.Invalid", name, err)
		}
	}
	publish(t, topic.Publisher, good...)
	r.wait(t, len(good))
	want := make(map[string][]string)
	for _, m := range good {
		want[m.OrderingKey] = []string{"1"}
	}
	r.want(t, want)
}

func testBigBatch(t *testing.T, topic Topic) {
	settle(t, topic.Subscribers[1])
	msgs, want := numbered(60, 5)
	r := newRecorder(nil)
	receive(t, topic.Subscribers[0], r.handle)
	publish(t, topic.Publisher, msgs...)
	r.wait(t, len(msgs))
	r.want(t, want)
}

func testConcurrentPublishers(t *testing.T, topic Topic) {
	settle(t, topic.Subscribers[1])
	msgs, want := numbered(4, 8)
	byKey, err := bus.ByKey(msgs)
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder(nil)
	receive(t, topic.Subscribers[0], r.handle)
	for _, msgs := range byKey {
		publish(t, topic.Publisher, msgs...)
	}
	r.wait(t, len(msgs))
	r.want(t, want)
}

func testOwnCopies(t *testing.T, topic Topic) {
	published := message("a", "1")
	want := published.Clone()
	var rest sync.WaitGroup
	rest.Add(2)
	for _, s := range topic.Subscribers {
		var once sync.Once
		receive(t, s, func(_ context.Context, m bus.Message) error {
			once.Do(func() {
				defer rest.Done()
				if diff := cmp.Diff(want, m); diff != "" {
					t.Errorf("received (-published +got):\n%s", diff)
				}
				m.Data[0], m.Attributes["ce-id"] = 'X', "changed"
			})
			return nil
		})
	}
	publish(t, topic.Publisher, published)
	rest.Wait()
	if diff := cmp.Diff(want, published); diff != "" {
		t.Errorf("the publisher's message was changed (-want +got):\n%s", diff)
	}
}
