// Package membus is the bus of a single process.
//
// The bus stores only dead letters. Publish returns nil after every
// subscription of the topic has settled every message. The publisher's own log
// is therefore the durable queue: after a crash the publisher publishes
// unsettled messages again.
//
// Messages that cannot be handled are appended to the file DeadLetters, one a
// line. The file is synced before the message counts as settled.
package membus

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/internal/delivery"
)

// width is the number of messages that one Receive handles at a time.
const width = 64

var backoff = delivery.Backoff{Base: 10 * time.Millisecond, Max: time.Second}

// Bus holds topics and their subscriptions, which are fixed when it is created.
type Bus struct {
	topics map[string]map[string]*subscription
}

// New returns a bus with the given topics, each with the names of its
// subscriptions. The file of dead letters is in dir, which must exist when the
// first dead letter is written.
func New(topics map[string][]string, dir string, log *zap.Logger) *Bus {
	b := &Bus{topics: make(map[string]map[string]*subscription, len(topics))}
	dead := &deadLetters{dir: dir}
	for topic, names := range topics {
		b.topics[topic] = make(map[string]*subscription, len(names))
		for _, name := range names {
			b.topics[topic][name] = &subscription{
				name:   name,
				dead:   dead,
				offers: make(chan *delivery.Session),
				held:   make(map[string]chan struct{}),
				log:    log,
			}
		}
	}
	return b
}

// Publisher returns the publisher to a topic. If the bus has no such topic,
// Publish returns bus.ErrUnavailable.
func (b *Bus) Publisher(topic string) bus.Publisher {
	return publisher{topic: topic, subscriptions: b.topics[topic]}
}

// Subscriber returns a subscriber to a subscription of a topic. If the bus has
// no such subscription, Receive returns bus.ErrUnavailable. Concurrent Receives
// of one subscription share its messages.
func (b *Bus) Subscriber(topic, subscription string) bus.Subscriber {
	return subscriber{name: subscription, sub: b.topics[topic][subscription]}
}

type publisher struct {
	topic         string
	subscriptions map[string]*subscription
}

// Publish implements bus.Publisher. It blocks while a subscription has no
// receiver.
func (p publisher) Publish(ctx context.Context, msgs []bus.Message) error {
	if p.subscriptions == nil {
		return fmt.Errorf("publish: %w", bus.ErrUnavailable.Detailf("there is no topic %s", p.topic))
	}
	keys, err := bus.ByKey(msgs)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	results := make(chan error, len(keys)*len(p.subscriptions))
	for key, msgs := range keys {
		for i := range msgs {
			// A handler may still use the message after ctx ended and Publish
			// returned.
			msgs[i] = msgs[i].Clone()
		}
		for _, s := range p.subscriptions {
			go func() { results <- s.deliver(ctx, key, msgs) }()
		}
	}
	for range cap(results) {
		select {
		case err = <-results:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("publish: %w", bus.ErrUnavailable.Wrap(err))
		}
	}
	return nil
}

type subscription struct {
	name   string
	dead   *deadLetters
	offers chan *delivery.Session // sessions with a free slot
	log    *zap.Logger

	mu   sync.Mutex
	held map[string]chan struct{} // the keys under delivery; the channel is closed when the key is free
}

// deliver settles msgs, which have one key, in order.
func (s *subscription) deliver(ctx context.Context, key string, msgs []bus.Message) error {
	if err := s.hold(ctx, key); err != nil {
		return err
	}
	defer s.free(key)
	for _, msg := range msgs {
		for settled := false; !settled; {
			var err error
			select {
			case session := <-s.offers:
				settled, err = s.hand(ctx, session, msg)
			case <-ctx.Done():
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// hand passes msg to a session. It returns false, or the error of writing the
// dead letter, if the message was not settled and has to be published again.
func (s *subscription) hand(ctx context.Context, session *delivery.Session, msg bus.Message) (settled bool, err error) {
	defer session.Release()
	settled, reason := session.Deliver(ctx, msg)
	if !settled || reason == nil {
		return settled, nil
	}
	if err := s.dead.keep(s.name, msg, reason); err != nil {
		session.DeadLetterFailed(msg, reason, err)
		return false, fmt.Errorf("keep a dead letter: %w", err)
	}
	session.DeadLettered(msg, reason)
	return true, nil
}

func (s *subscription) hold(ctx context.Context, key string) error {
	for {
		s.mu.Lock()
		wait, busy := s.held[key]
		if !busy {
			s.held[key] = make(chan struct{})
			s.mu.Unlock()
			return nil
		}
		s.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *subscription) free(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.held[key])
	delete(s.held, key)
}

type subscriber struct {
	name string
	sub  *subscription
}

// Receive implements bus.Subscriber.
func (s subscriber) Receive(ctx context.Context, h bus.Handler) error {
	if s.sub == nil {
		return fmt.Errorf("receive: %w", bus.ErrUnavailable.Detailf("there is no subscription %s", s.name))
	}
	session := delivery.NewSession(ctx, s.name, h, width, backoff, s.sub.log)
	defer session.Drain()
	for session.Acquire() {
		select {
		case s.sub.offers <- session:
		case <-ctx.Done():
			session.Release()
			return nil
		}
	}
	return nil
}
