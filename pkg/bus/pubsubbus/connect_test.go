package pubsubbus_test

import (
	"net"
	"testing"
	"time"

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
	client, err := pubsubbus.Connect(t.Context(), "test")
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
