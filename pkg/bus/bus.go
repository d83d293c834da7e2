// Package bus is the port to a message broker with ordering keys. The adapters
// are pubsubbus (Cloud Pub/Sub) and membus (one process); both pass bustest.
package bus

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"unicode/utf8"

	"github.com/concha-labs/backend/pkg/fault"
)

// The limits of a message, all in bytes but MaxAttributes. They are a little
// below those of Cloud Pub/Sub, which leaves an adapter room for its own
// attributes and for the encoding.
const (
	MaxOrderingKey    = 1024
	MaxAttributes     = 64
	MaxAttributeKey   = 256
	MaxAttributeValue = 1024
	MaxMessage        = 9_000_000 // key, attributes and data together
)

// MaxAttempts is how often a handler is tried with one message when it fails
// for a reason that is neither permanent nor an outage, such as a bug.
const MaxAttempts = 5

// ErrUnavailable means that the broker, the topic or the subscription cannot
// be reached.
var ErrUnavailable = fault.New(fault.Unavailable, "bus-unavailable", "the message broker cannot be reached")

var errMessage = fault.New(fault.Invalid, "invalid-message", "the message is outside the limits of the bus")

// Message is what travels.
type Message struct {
	// OrderingKey orders messages: those with one key are delivered in the
	// order of publishing, those with different keys in any order. 1 to
	// MaxOrderingKey bytes of UTF-8.
	OrderingKey string
	// Attributes are UTF-8, at most MaxAttributes, a key 1 to MaxAttributeKey
	// bytes, a value at most MaxAttributeValue.
	Attributes map[string]string
	// Data together with the rest is at most MaxMessage bytes.
	Data []byte
}

// Clone returns a copy that shares nothing with m.
func (m Message) Clone() Message {
	m.Attributes = maps.Clone(m.Attributes)
	m.Data = bytes.Clone(m.Data)
	return m
}

// Size returns the bytes of m's key, attributes and data.
func (m Message) Size() int {
	n := len(m.OrderingKey) + len(m.Data)
	for k, v := range m.Attributes {
		n += len(k) + len(v)
	}
	return n
}

// Validate returns an error of kind fault.Invalid if m breaks a limit.
func (m Message) Validate() error {
	if !validText(m.OrderingKey, 1, MaxOrderingKey) {
		return errMessage.Detailf("an ordering key has 1 to %d bytes of UTF-8", MaxOrderingKey)
	}
	if len(m.Attributes) > MaxAttributes {
		return errMessage.Detailf("message %s has more than %d attributes", m.OrderingKey, MaxAttributes)
	}
	for k, v := range m.Attributes {
		if !validText(k, 1, MaxAttributeKey) || !validText(v, 0, MaxAttributeValue) {
			return errMessage.Detailf("attribute %q of message %s is too long or no UTF-8", k, m.OrderingKey)
		}
	}
	if n := m.Size(); n > MaxMessage {
		return errMessage.Detailf("message %s has %d bytes, more than %d", m.OrderingKey, n, MaxMessage)
	}
	return nil
}

func validText(s string, low, high int) bool {
	return low <= len(s) && len(s) <= high && utf8.ValidString(s)
}

// ByKey checks msgs and splits them by ordering key, each key's messages in
// their order. Errors: fault.Invalid if a message breaks a limit.
func ByKey(msgs []Message) (map[string][]Message, error) {
	keys := make(map[string][]Message)
	for i, m := range msgs {
		if err := m.Validate(); err != nil {
			return nil, fmt.Errorf("message %d of %d: %w", i+1, len(msgs), err)
		}
		keys[m.OrderingKey] = append(keys[m.OrderingKey], m)
	}
	return keys, nil
}

// Publisher publishes to one topic.
type Publisher interface {
	// Publish hands msgs to the broker, in order, and returns nil once the
	// broker has acknowledged every one: they are durable then. On an error,
	// of each ordering key some first messages may have been published; the
	// caller publishes all of them again, and subscribers see duplicates.
	// Errors: fault.Unavailable if the broker cannot be reached or ctx ended
	// first; fault.Invalid if a message breaks a limit, and then none was
	// published. Safe for concurrent use, not idempotent. Concurrent calls
	// with one ordering key have no order among them.
	Publish(ctx context.Context, msgs []Message) error
}

// Handler handles one message, which is its own to change. What it returns
// settles the message:
//
//   - nil acknowledges it;
//   - a permanent error (see Permanent) dead-letters it at once;
//   - fault.Unavailable is an outage: the message is tried again, with
//     back-off and before later messages of its key, until it is handled;
//   - any other error, and a panic, is tried again in the same way, MaxAttempts
//     times in all; then the message is dead-lettered.
//
// A dead-lettered message is logged as an error, set aside durably with the
// reason, and no longer holds up its key. Handlers are idempotent:
// every message can come more than once, and after a duplicate of an earlier
// one its successors come again as well. ctx outlives the end of Receive's by
// a second or so, so that what is under way can finish.
type Handler func(ctx context.Context, msg Message) error

// Permanent reports whether no repetition can help a handler that failed with
// err: its kind is Invalid, NotFound, Conflict, TooLarge or Unsupported.
func Permanent(err error) bool {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.NotFound, fault.Conflict, fault.TooLarge, fault.Unsupported:
		return true
	default:
		return false
	}
}

// Subscriber receives from one subscription.
type Subscriber interface {
	// Receive calls h for each message, concurrently for different keys and
	// one at a time for one key, until ctx is done; it then waits at most two
	// seconds for the handlers under way and returns nil. Every message is
	// handled at least once. It goes on by itself after the connection to the
	// broker was lost, and begins by itself once the subscription exists and
	// may be read.
	Receive(ctx context.Context, h Handler) error
}
