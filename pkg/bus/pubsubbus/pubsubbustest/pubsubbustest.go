// Package pubsubbustest creates topics for tests.
package pubsubbustest

import (
	"os"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/pubsubbus"
)

// New returns both ends of a new topic with one subscription, on the emulator
// at PUBSUB_EMULATOR_HOST. The test fails if the emulator cannot be reached.
func New(t *testing.T) (*pubsubbus.Publisher, *pubsubbus.Subscriber) {
	t.Helper()
	if os.Getenv("PUBSUB_EMULATOR_HOST") == "" {
		t.Fatal("PUBSUB_EMULATOR_HOST is not set: this test needs the Pub/Sub emulator")
	}
	client, err := pubsubbus.Connect(t.Context(), "test", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	id := "events-" + uuid.NewString()
	if _, _, err := pubsubbus.Provision(t.Context(), client, []bus.Subscription{{Topic: id, Name: id}}); err != nil {
		t.Fatal(err)
	}
	return pubsubbus.NewPublisher(client, id), pubsubbus.NewSubscriber(client, id, zap.NewNop())
}
