package pubsubbus_test

import (
	"context"
	"net"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/pubsubbus"
)

// TestConnectTriesAgainSoon uses a broker that closes every connection. With
// gRPC's default pauses the last attempt would come after 15 seconds.
func TestConnectTriesAgainSoon(t *testing.T) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	t.Setenv("PUBSUB_EMULATOR_HOST", listener.Addr().String())
	client, err := pubsubbus.Connect(t.Context(), "test", "")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	go pubsubbus.NewPublisher(client, "topic").Publish(t.Context(), []bus.Message{{OrderingKey: "a"}})
	if err := listener.SetDeadline(time.Now().Add(8 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for n := range 12 {
		conn, err := listener.Accept()
		if err != nil {
			t.Fatalf("after %d connections: %v", n, err)
		}
		_ = conn.Close()
	}
}

// The endpoint takes precedence over that of the environment.
func TestConnectToAnEndpoint(t *testing.T) {
	server := newServer(t)
	t.Setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1") // nothing listens there
	client, err := pubsubbus.Connect(t.Context(), "test", server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, _, err := pubsubbus.Provision(t.Context(), client, []bus.Subscription{{Topic: "topic", Name: "one"}}); err != nil {
		t.Fatal(err)
	}
	if err := pubsubbus.NewPublisher(client, "topic").Publish(t.Context(), []bus.Message{{OrderingKey: "a"}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := pubsubbus.NewSubscriber(client, "one", zap.NewNop()).Receive(ctx, func(context.Context, bus.Message) error {
		cancel()
		return nil
	}); err != nil || len(server.Messages()) != 1 {
		t.Errorf("Receive: %v; the server has %d messages, want 1", err, len(server.Messages()))
	}
}
