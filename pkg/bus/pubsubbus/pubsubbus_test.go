package pubsubbus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/bustest"
	"github.com/concha-labs/backend/pkg/bus/pubsubbus"
	"github.com/concha-labs/backend/pkg/fault"
)

func newServer(t *testing.T, opts ...pstest.ServerReactorOption) *pstest.Server {
	server := pstest.NewServer(opts...)
	t.Cleanup(func() { server.Close() })
	return server
}

func TestSuite(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bustest.Topic {
		b := connect(t, newServer(t).Addr)
		b.intercept = backOff(t.Context())
		return open(t, b)
	})
}

// backOff adds the pause before a redelivery that the retry policy of the
// subscription asks for and pstest lacks. Without it, a message nacked at the
// end of Receive is redelivered to the stream that is about to close.
func backOff(ctx context.Context) func(string, any, func(context.Context) error) bool {
	return func(method string, request any, invoke func(context.Context) error) bool {
		nack, ok := request.(*pubsubpb.ModifyAckDeadlineRequest)
		if !ok || nack.AckDeadlineSeconds != 0 {
			return false
		}
		time.AfterFunc(time.Second, func() { _ = invoke(ctx) })
		return true
	}
}

func TestProvision(t *testing.T) { testProvision(t, newServer(t).Addr) }

func TestProvisionReportsFailure(t *testing.T) {
	b := connect(t, newServer(t, pstest.WithErrorInjection("CreateSubscription", codes.PermissionDenied, "no")).Addr)
	made, _, err := pubsubbus.Provision(t.Context(), b.Client, []bus.Subscription{{Topic: "topic", Name: "one"}})
	if err == nil || len(made) != 2 {
		t.Errorf("Provision = %q, %v; want two topics and an error", made, err)
	}
}

// A request holds at most 1,000 messages of one key and 9 MB.
func TestPublishSplitsRequests(t *testing.T) {
	tests := map[string]struct {
		messages, bytes int
		requests        []int // number of messages in each
	}{
		"many":  {2500, 1, []int{1000, 1000, 500}},
		"large": {7, 4_000_000, []int{2, 2, 2, 1}},
		"huge":  {2, bus.MaxMessage - 1, []int{1, 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := connect(t, "127.0.0.1:1")
			var requests []int
			var published []string
			b.intercept = func(_ string, request any, _ func(context.Context) error) bool {
				msgs := request.(*pubsubpb.PublishRequest).Messages
				requests = append(requests, len(msgs))
				for _, m := range msgs {
					published = append(published, m.OrderingKey+string(m.Data[0]))
				}
				return true
			}
			var msgs []bus.Message
			var want []string
			for i := range tt.messages {
				msgs = append(msgs, bus.Message{OrderingKey: "a", Data: bytes.Repeat([]byte{byte(i)}, tt.bytes)})
				want = append(want, "a"+string(byte(i)))
			}
			if err := pubsubbus.NewPublisher(b.Client, "topic").Publish(t.Context(), msgs); err != nil {
				t.Fatalf("Publish: %v", err)
			}
			if diff := cmp.Diff(tt.requests, requests); diff != "" {
				t.Errorf("messages in each request (-want +got):\n%s", diff)
			}
			if !slices.Equal(published, want) {
				t.Error("published out of order")
			}
		})
	}
}

// A failed request stops its key, so that no later message overtakes, and does
// not affect other keys.
func TestPublishStopsTheKeyThatFailed(t *testing.T) {
	b := connect(t, newServer(t).Addr) // has no topic
	requests := make(chan string, 100)
	b.intercept = func(_ string, request any, _ func(context.Context) error) bool {
		key := request.(*pubsubpb.PublishRequest).Messages[0].OrderingKey
		requests <- key
		return key == "good"
	}
	var msgs []bus.Message
	for range 1500 {
		msgs = append(msgs, bus.Message{OrderingKey: "bad"}, bus.Message{OrderingKey: "good"})
	}
	if err := pubsubbus.NewPublisher(b.Client, "topic").Publish(t.Context(), msgs); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("Publish = %v, want bus.ErrUnavailable", err)
	}
	close(requests)
	got := make(map[string]int)
	for key := range requests {
		got[key]++
	}
	if diff := cmp.Diff(map[string]int{"bad": 1, "good": 2}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestPublishToUnreachableBrokerIsBounded(t *testing.T) {
	t.Parallel()
	b := connect(t, "127.0.0.1:1") // nothing listens there
	begin := time.Now()
	err := pubsubbus.NewPublisher(b.Client, "topic").Publish(t.Context(), []bus.Message{{OrderingKey: "a"}, {OrderingKey: "b"}})
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Publish = %v, want fault.Unavailable", err)
	}
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("Publish took %v", took)
	}
}

func TestUnknownNames(t *testing.T) {
	b := connect(t, newServer(t).Addr)
	err := pubsubbus.NewPublisher(b.Client, "other").Publish(t.Context(), []bus.Message{{OrderingKey: "a", Data: []byte("1")}})
	if !errors.Is(err, bus.ErrUnavailable) || !strings.Contains(err.Error(), "/topics/other does not exist; create it") {
		t.Errorf("Publish to an unknown topic = %v", err)
	}
}

func TestReceiveBeginsOnceTheSubscriptionExists(t *testing.T) {
	t.Parallel()
	b := connect(t, newServer(t).Addr)
	ctx, cancel := context.WithCancel(t.Context())
	received, ended := make(chan bus.Message, 1), make(chan error, 1)
	log, lines := observer.New(zap.WarnLevel)
	go func() {
		ended <- pubsubbus.NewSubscriber(b.Client, "one", zap.New(log)).Receive(ctx, func(_ context.Context, m bus.Message) error {
			received <- m
			return nil
		})
	}()
	for deadline := time.After(30 * time.Second); lines.Len() == 0; { // the connection has been refused
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatal("nobody says that the subscription is missing")
		}
	}
	if _, _, err := pubsubbus.Provision(t.Context(), b.Client, []bus.Subscription{{Topic: "topic", Name: "one"}}); err != nil {
		t.Fatal(err)
	}
	if err := pubsubbus.NewPublisher(b.Client, "topic").Publish(t.Context(), []bus.Message{{OrderingKey: "a", Data: []byte("1")}}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-received:
	case <-time.After(30 * time.Second):
		t.Error("the message never comes")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Receive = %v, want nil", err)
	}
}

func TestReceiveEndsWhileTheBrokerIsUnreachable(t *testing.T) {
	t.Parallel()
	b := connect(t, "127.0.0.1:1")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begin := time.Now()
	err := pubsubbus.NewSubscriber(b.Client, "one", zap.NewNop()).Receive(ctx, func(context.Context, bus.Message) error { return nil })
	if err != nil {
		t.Errorf("Receive = %v, want nil", err)
	}
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("Receive took %v to end with nothing under way", took)
	}
}

func TestReceiveConnectsAgain(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	server.SetStreamTimeout(200 * time.Millisecond) // each stream ends by a timeout
	b := connect(t, server.Addr)
	if _, _, err := pubsubbus.Provision(t.Context(), b.Client, []bus.Subscription{{Topic: "topic", Name: "one"}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	handled := make(chan bus.Message)
	ended := make(chan error, 1)
	go func() {
		ended <- pubsubbus.NewSubscriber(b.Client, "one", zap.NewNop()).Receive(ctx, func(_ context.Context, m bus.Message) error {
			handled <- m
			return nil
		})
	}()
	p := pubsubbus.NewPublisher(b.Client, "topic")
	for i := range 3 {
		want := fmt.Sprint(i)
		if err := p.Publish(ctx, []bus.Message{{OrderingKey: "a", Data: []byte(want)}}); err != nil {
			t.Fatal(err)
		}
		for m := range handled {
			if string(m.Data) == want {
				break
			}
		}
		select {
		case <-time.After(300 * time.Millisecond): // the first stream has been replaced by now
		case err := <-ended:
			t.Fatalf("Receive = %v", err)
		}
	}
}

func TestDeadLetterSaysWhy(t *testing.T) {
	t.Parallel()
	b := connect(t, newServer(t).Addr)
	if _, _, err := pubsubbus.Provision(t.Context(), b.Client, []bus.Subscription{{Topic: "topic", Name: "one"}}); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.ErrorLevel)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = pubsubbus.NewSubscriber(b.Client, "one", zap.New(core)).Receive(ctx, func(context.Context, bus.Message) error {
			return fault.New(fault.Invalid, "bad", strings.Repeat("é", bus.MaxAttributeValue))
		})
	}()
	msg := bus.Message{OrderingKey: "a", Data: []byte("data"), Attributes: map[string]string{"ce-id": "a/1"}}
	if err := pubsubbus.NewPublisher(b.Client, "topic").Publish(ctx, []bus.Message{msg}); err != nil {
		t.Fatal(err)
	}
	for {
		letters := pull(t, b, pubsubbus.DeadLetterTopic("one"))
		if len(letters) == 0 {
			continue
		}
		got := letters[0]
		if got.OrderingKey != "a" || string(got.Data) != "data" || got.Attributes["ce-id"] != "a/1" ||
			got.Attributes[pubsubbus.DeadLetterSubscription] != "one" ||
			got.Attributes[pubsubbus.DeadLetterReason] != strings.Repeat("é", bus.MaxAttributeValue/2) {
			t.Errorf("dead letter %v", got)
		}
		break
	}
	cancel()
	<-ended // the handler has ended, and has logged
	if logs.Len() != 1 {
		t.Errorf("%d error lines, want 1", logs.Len())
	}
}
