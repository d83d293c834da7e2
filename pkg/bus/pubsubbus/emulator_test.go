//go:build cloud

package pubsubbus_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/bustest"
	"github.com/concha-labs/backend/pkg/bus/pubsubbus"
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

func TestProvisionOnEmulator(t *testing.T) { testProvision(t, emulator(t)) }

func BenchmarkPublishOnEmulator(b *testing.B) {
	addr := emulator(b)
	for _, keys := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("batch=100/keys=%d", keys), func(b *testing.B) {
			broker := connect(b, addr)
			if _, _, err := pubsubbus.Provision(b.Context(), broker.Client, map[string][]string{"topic": {"one"}}); err != nil {
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
