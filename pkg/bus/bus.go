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

// The limits of a message, in bytes except for MaxAttributes. They are slightly
// below those of Cloud Pub/Sub, to leave room for an adapter's own attributes
// and for the encoding.
const (
	MaxOrderingKey    = 1024
	MaxAttributes     = 64
	MaxAttributeKey   = 256
	MaxAttributeValue = 1024
	MaxMessage        = 9_000_000 // key, attributes and data together
)

// MaxAttempts is how often a handler is called with one message if it fails for
// a reason that is neither permanent nor an outage, such as a bug.
const MaxAttempts = 5

// ErrUnavailable means that the broker, the topic or the subscription cannot
// be reached.
var ErrUnavailable = fault.New(fault.Unavailable, "bus-unavailable", "the message broker cannot be reached")

var errMessage = fault.New(fault.Invalid, "invalid-message", "the message is outside the limits of the bus")

// Message is a message to publish, or one received.
type Message struct {
	// OrderingKey orders messages. Messages with the same key are delivered in
	// the order of publishing. Messages with different keys are delivered in
	// any order. The key has 1 to MaxOrderingKey bytes of UTF-8.
	OrderingKey string
	// Attributes are UTF-8 strings. There are at most MaxAttributes. A key has
	// 1 to MaxAttributeKey bytes, a value at most MaxAttributeValue.
	Attributes map[string]string
	// Data is the payload. Key, attributes and data together have at most
	// MaxMessage bytes.
	Data []byte
}

// Clone returns a deep copy of m.
func (m Message) Clone() Message {
	m.Attributes = maps.Clone(m.Attributes)
	m.Data = bytes.Clone(m.Data)
	return m
}

// Size returns the number of bytes in m's key, attributes and data.
func (m Message) Size() int {
	n := len(m.OrderingKey) + len(m.Data)
	for k, v := range m.Attributes {
		n += len(k) + len(v)
	}
	return n
}

// Validate returns an error of kind fault.Invalid if m exceeds a limit.
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

// ByKey validates msgs and groups them by ordering key. The messages of a key
// keep their order. It returns an error of kind fault.Invalid if a message
// exceeds a limit.
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
	// Publish publishes msgs in order. It returns nil after the broker has
	// acknowledged, and so stored, every message. After an error, a prefix of
	// the messages of each ordering key may have been published. The caller
	// then publishes all of them again, and subscribers see duplicates. Publish
	// is safe for concurrent use and not idempotent. Concurrent calls with the
	// same ordering key are not ordered. Errors:
	//   - fault.Unavailable: the broker cannot be reached, or ctx ended.
	//   - fault.Invalid: a message exceeds a limit; nothing was published.
	Publish(ctx context.Context, msgs []Message) error
}

// Handler handles one message, which it may modify. Its result decides what
// happens to the message:
//
//   - nil acknowledges it.
//   - A permanent error (see Permanent) dead-letters it at once.
//   - fault.Unavailable is an outage. The message is retried, with back-off and
//     before later messages of its key, until it is handled.
//   - Any other error, and a panic, is retried in the same way, MaxAttempts
//     times in all. Then the message is dead-lettered.
//
// A dead-lettered message is logged as an error, stored durably together with
// the reason, and no longer holds up its key. Handlers must be idempotent:
// every message can be delivered more than once, and after a duplicate of an
// earlier message its successors are delivered again as well. ctx ends about a
// second after the context of Receive, so that handlers under way can finish.
type Handler func(ctx context.Context, msg Message) error

// Permanent reports whether retrying cannot help a handler that failed with
// err: the kind of err is Invalid, NotFound, Conflict, TooLarge or Unsupported.
func Permanent(err error) bool {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.NotFound, fault.Conflict, fault.TooLarge, fault.Unsupported, fault.Denied:
		return true
	default:
		return false
	}
}

// Subscription is a subscription to a topic.
type Subscription struct {
	Topic, Name string
	// Types are the values of the attribute ce-type that the subscriber needs.
	// The broker may deliver other messages, too, and does not keep the order of
	// a key. Without Types the subscription has all messages, in order.
	Types []string
}

// Topics returns the names of the subscriptions to each topic.
func Topics(subscriptions []Subscription) map[string][]string {
	topics := make(map[string][]string)
	for _, s := range subscriptions {
		topics[s.Topic] = append(topics[s.Topic], s.Name)
	}
	return topics
}

// Subscriber receives from one subscription.
type Subscriber interface {
	// Receive calls h for each message until ctx ends: concurrently for different
	// keys and, if the subscription keeps their order, sequentially for
	// one key. It then waits at most two seconds for the handlers under way and
	// returns nil. Every message is handled at least once. Receive reconnects after the connection to the
	// broker is lost, and waits for a subscription that does not exist yet or
	// may not be read yet.
	Receive(ctx context.Context, h Handler) error
}
