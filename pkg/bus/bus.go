// Package bus is the port to a message broker with ordering keys. The adapters
// are pubsubbus (Cloud Pub/Sub) and membus (one process); both pass bustest.
package bus

import "context"

// Message is what travels.
type Message struct {
	// OrderingKey orders messages: those with one key are delivered in the
	// order of publishing, those with different keys in any order.
	OrderingKey string
	// Attributes are at most 100, a value at most 1,024 bytes.
	Attributes map[string]string
	// Data is at most 10 MB.
	Data []byte
}

// Publisher publishes to one topic.
type Publisher interface {
	// Publish hands msgs to the broker, in order, and returns nil once the
	// broker has acknowledged every one: they are durable then. On an error,
	// of each ordering key some first messages may have been published; the
	// caller publishes all of them again, and subscribers see duplicates.
	// Errors: fault.Unavailable if the broker cannot be reached.
	// Safe for concurrent use, not idempotent.
	Publish(ctx context.Context, msgs []Message) error
}

// Handler handles one message. Nil acknowledges it. An error of kind
// fault.Invalid, fault.NotFound, fault.Conflict or fault.Unsupported drops it,
// as no repetition can help; any other has it delivered again, with back-off,
// before later messages of its key.
type Handler func(ctx context.Context, msg Message) error

// Subscriber receives from one subscription.
type Subscriber interface {
	// Receive calls h for each message, concurrently for different keys and
	// one at a time for one key, until ctx is done; it then waits a bounded
	// time for the handlers under way and returns nil. Every message is
	// handled at least once. Errors: fault.Unavailable if the subscription
	// cannot be reached at all.
	Receive(ctx context.Context, h Handler) error
}
