//go:build cloud

package pubsubbus_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/bustest"
	"github.com/concha-labs/backend/pkg/bus/pubsubbus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/eventstest"
)

func emulator(t testing.TB) string {
	addr := os.Getenv("PUBSUB_EMULATOR_HOST")
	if addr == "" {
		t.Fatal("PUBSUB_EMULATOR_HOST is not set: these tests need the Pub/Sub emulator")
	}
	return addr
}

func TestSuiteOnEmulator(t *testing.T) {
	addr := emulator(t)
	bustest.Run(t, func(t *testing.T) bustest.Topic {
		topic := open(t, connect(t, addr))
		topic.AnyOrderAgain = true
		return topic
	})
}

func TestProvisionOnEmulator(t *testing.T) {
	t.Run("all types", func(t *testing.T) { testProvision(t, emulator(t)) })
	t.Run("some types", func(t *testing.T) {
		testProvision(t, emulator(t), events.AccountCreatedV1, events.AccountDeletedV1)
	})
}

// A message of an unordered subscription that its subscriber returns again and
// again, as if it killed it, is dead-lettered by Pub/Sub itself, and other messages of its key are
// handled meanwhile.
func TestUnorderedOnEmulator(t *testing.T) {
	b := connect(t, emulator(t))
	subscription := bus.Subscription{Topic: "topic", Name: "one", Types: []string{events.AccountDeletedV1}}
	if _, _, err := pubsubbus.Provision(t.Context(), b.Client, []bus.Subscription{subscription}); err != nil {
		t.Fatal(err)
	}
	p := pubsubbus.NewPublisher(b.Client, "topic")
	message := func(data string) bus.Message {
		return bus.Message{OrderingKey: "account/1", Attributes: map[string]string{"ce-type": events.AccountDeletedV1}, Data: []byte(data)}
	}
	if err := p.Publish(t.Context(), []bus.Message{message("bad"), message("good")}); err != nil {
		t.Fatal(err)
	}
	// The policy with fewer attempts, so that the test is short.
	name := "projects/" + b.Project() + "/subscriptions/one"
	current, err := b.SubscriptionAdminClient.GetSubscription(t.Context(), &pubsubpb.GetSubscriptionRequest{Subscription: name})
	if err != nil {
		t.Fatal(err)
	}
	current.DeadLetterPolicy.MaxDeliveryAttempts = 5
	current.RetryPolicy = &pubsubpb.RetryPolicy{MinimumBackoff: durationpb.New(100 * time.Millisecond), MaximumBackoff: durationpb.New(time.Second)}
	if _, err := b.SubscriptionAdminClient.UpdateSubscription(t.Context(), &pubsubpb.UpdateSubscriptionRequest{
		Subscription: current, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"dead_letter_policy", "retry_policy"}},
	}); err != nil {
		t.Fatal(err)
	}
	deaths, good := 0, 0
	for begun := time.Now(); ; {
		pulled, err := b.SubscriptionAdminClient.Pull(t.Context(), &pubsubpb.PullRequest{Subscription: name, MaxMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pulled.ReceivedMessages {
			var err error
			if string(m.Message.Data) == "good" {
				good++
				err = b.SubscriptionAdminClient.Acknowledge(t.Context(), &pubsubpb.AcknowledgeRequest{Subscription: name, AckIds: []string{m.AckId}})
			} else {
				deaths++
				err = b.SubscriptionAdminClient.ModifyAckDeadline(t.Context(), &pubsubpb.ModifyAckDeadlineRequest{Subscription: name, AckIds: []string{m.AckId}})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if dead := pull(t, b, pubsubbus.DeadLetterTopic("one")); len(dead) > 0 {
			if string(dead[0].Data) != "bad" || deaths != 5 || good != 1 {
				t.Errorf("dead letter %s after %d deaths, and %d deliveries of the other message", dead[0].Data, deaths, good)
			}
			return
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("no dead letter after %d deaths", deaths)
		}
	}
}

func BenchmarkPublishOnEmulator(b *testing.B) {
	addr := emulator(b)
	for _, keys := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("batch=100/keys=%d", keys), func(b *testing.B) {
			broker := connect(b, addr)
			if _, _, err := pubsubbus.Provision(b.Context(), broker.Client, []bus.Subscription{{Topic: "topic", Name: "one"}}); err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			go pubsubbus.NewSubscriber(broker.Client, "one", zap.NewNop()).Receive(ctx, func(context.Context, bus.Message) error { return nil })
			events := eventstest.Events()
			batch := make([]bus.Message, 100)
			for i := range batch {
				e := events[i%len(events)]
				batch[i] = bus.Message{OrderingKey: fmt.Sprintf("account/%d", i%keys), Attributes: e.Attributes(eventstest.Origin), Data: e.Data}
			}
			p := pubsubbus.NewPublisher(broker.Client, "topic")
			for b.Loop() {
				if err := p.Publish(ctx, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
