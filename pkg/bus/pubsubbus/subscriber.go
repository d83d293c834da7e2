package pubsubbus

import (
	"context"
	"maps"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/internal/delivery"
)

const (
	// number of messages a subscriber holds, running and waiting
	width    = 256
	maxBytes = 64 << 20
	// lease is how long a message is held and retried during an outage before
	// the service may deliver it to another process.
	lease = 2 * time.Hour
	// flush is how long Receive waits at its end for the last acknowledgements
	// to be sent.
	flush = 500 * time.Millisecond
)

// The attributes that a dead-lettered message has in addition to those of the
// message.
const (
	DeadLetterReason       = "dead-letter-reason"
	DeadLetterSubscription = "dead-letter-subscription"
)

var (
	backoff          = delivery.Backoff{Base: 250 * time.Millisecond, Max: 30 * time.Second}
	reconnectBackoff = delivery.Backoff{Base: 500 * time.Millisecond, Max: 10 * time.Second}
)

// Subscriber receives from one subscription, which may be ordered.
type Subscriber struct {
	client       *pubsub.Client
	subscription string
	deadLetters  *Publisher
	log          *zap.Logger
}

var _ bus.Subscriber = (*Subscriber)(nil)

// NewSubscriber returns a subscriber to the subscription with this id in the
// client's project. Dead letters go to the topic that DeadLetterTopic names.
func NewSubscriber(client *pubsub.Client, subscription string, log *zap.Logger) *Subscriber {
	return &Subscriber{
		client: client, subscription: subscription,
		deadLetters: NewPublisher(client, DeadLetterTopic(subscription)),
		log:         log,
	}
}

// Receive implements bus.Subscriber.
func (s *Subscriber) Receive(ctx context.Context, h bus.Handler) error {
	session := delivery.NewSession(ctx, s.subscription, h, width, backoff, s.log)
	defer session.Close()
	// The connection must outlive ctx until the running handlers have ended.
	connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	defer disconnect()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.keepReceiving(connected, session)
	}()
	<-ctx.Done()
	session.Drain()
	disconnect()
	select {
	case <-ended:
	case <-time.After(flush):
	}
	return nil
}

// keepReceiving reconnects after each failure until ctx is done. A subscription
// that is missing or not accessible is such a failure: it may be created or
// granted later, and the rest of the process continues meanwhile.
func (s *Subscriber) keepReceiving(ctx context.Context, session *delivery.Session) {
	for attempt := 1; ; attempt++ {
		start := time.Now()
		err := s.receive(ctx, session)
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > reconnectBackoff.Max {
			attempt = 1
		}
		pause := reconnectBackoff.After(attempt)
		s.log.Warn("receiving failed, connecting again", zap.String("subscription", s.subscription), zap.Duration("pause", pause), zap.Error(err))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

func (s *Subscriber) receive(ctx context.Context, session *delivery.Session) error {
	subscriber := s.client.Subscriber(fullName(s.client, "subscriptions", s.subscription))
	subscriber.ReceiveSettings = pubsub.ReceiveSettings{
		MaxExtension: lease,
		// Otherwise the messages that a process held during an outage of its
		// handler would come again only ten minutes after its death.
		MaxDurationPerAckExtension: ackDeadline,
		MaxOutstandingMessages:     width,
		MaxOutstandingBytes:        maxBytes,
		NumGoroutines:              1,
		// ShutdownOptions is not set. With a timeout, the library closes the
		// stream before the handlers end and then sends neither
		// acknowledgements nor nacks, so that unfinished messages are
		// redelivered only after their lease of a minute. Session.Drain bounds
		// the end instead.
	}
	return subscriber.Receive(ctx, func(ctx context.Context, m *pubsub.Message) {
		if s.settle(ctx, session, m) {
			m.Ack()
			return
		}
		if session.Stopping() {
			// A nack now would redeliver the message to this very stream.
			<-ctx.Done()
		}
		m.Nack()
	})
}

// settle reports whether m was handled or dead-lettered. It gives up when ctx,
// the context of the stream, ends or the lease of m expires.
func (s *Subscriber) settle(ctx context.Context, session *delivery.Session, m *pubsub.Message) bool {
	if !session.Acquire() {
		return false
	}
	defer session.Release()
	ctx, cancel := context.WithTimeout(ctx, lease)
	defer cancel()
	msg := bus.Message{OrderingKey: m.OrderingKey, Attributes: m.Attributes, Data: m.Data}
	settled, err := session.Deliver(ctx, msg)
	if !settled || err == nil {
		return settled
	}
	if dlErr := s.deadLetter(msg, err); dlErr != nil {
		session.DeadLetterFailed(msg, err, dlErr)
		return false
	}
	session.DeadLettered(msg, err)
	return true
}

// deadLetter does not take the context of its caller: the end of Receive must
// not cancel it.
func (s *Subscriber) deadLetter(msg bus.Message, reason error) error {
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	msg.Attributes = maps.Clone(msg.Attributes)
	if msg.Attributes == nil {
		msg.Attributes = make(map[string]string)
	}
	msg.Attributes[DeadLetterReason] = attributeValue(reason.Error())
	msg.Attributes[DeadLetterSubscription] = s.subscription
	return s.deadLetters.publishKey(ctx, []bus.Message{msg})
}

// attributeValue truncates s to the length limit of an attribute.
func attributeValue(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), bus.MaxAttributeValue)], "")
}
