// Package pubsubbus is the bus on Cloud Pub/Sub.
//
// # Publishing
//
// Publisher calls the Publish method of the API itself, one request at a time
// for an ordering key, instead of the client library's batching publisher. That
// one keeps failed keys paused and unsent batches queued after the caller gave
// up, and resuming a key while an older batch is still queued lets a later
// message overtake an earlier one. Here nothing is under way once Publish has
// returned, so publishing again after an error is always safe, a cancelled
// context ends the requests at once, and no batching delay is added.
//
// # Failing messages
//
// The service redelivers a nacked message of an ordered subscription together
// with its successors, but successors that the client already holds are handled
// before it: a nack breaks the order, and each nack brings the innocent ones
// nearer to the dead-letter policy too. Keys whose messages were moved by that
// policy have been seen to stall (googleapis/google-cloud-dotnet#11793), and the
// emulator neither holds a nacked key back nor dead-letters ordered messages.
// Subscriber therefore tries again in place, while it holds the lease and with
// it the key, and itself publishes what cannot be handled to the dead-letter
// topic before it acknowledges. It nacks only at shutdown, when a lease ends,
// and when the dead-letter topic cannot be reached. The subscription's own
// dead-letter policy is left for messages that kill the process.
package pubsubbus

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"golang.org/x/sync/errgroup"

	"github.com/concha-labs/backend/pkg/bus"
)

const (
	// publishTimeout bounds a call of Publish with all its retries.
	publishTimeout = 10 * time.Second
	// publishWidth is how many keys one call publishes at a time.
	publishWidth = 64
	// The service takes no more in one request; bytes are less, for the encoding.
	maxRequestMessages = 1000
	maxRequestBytes    = bus.MaxMessage
)

// Publisher publishes to one topic.
type Publisher struct {
	client *pubsub.Client
	topic  string
}

var _ bus.Publisher = (*Publisher)(nil)

// NewPublisher returns a publisher to a topic of the client's project, given by
// its id. It holds nothing but the client.
func NewPublisher(client *pubsub.Client, topic string) *Publisher {
	return &Publisher{client: client, topic: fullName(client, "topics", topic)}
}

// Publish implements bus.Publisher. It returns after ten seconds at the latest.
func (p *Publisher) Publish(ctx context.Context, msgs []bus.Message) error {
	keys, err := bus.ByKey(msgs)
	if err != nil {
		return fmt.Errorf("publish to %s: %w", p.topic, err)
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(publishWidth)
	for _, msgs := range keys {
		group.Go(func() error { return p.publishKey(ctx, msgs) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("publish to %s: %w", p.topic, bus.ErrUnavailable.Wrap(err))
	}
	return nil
}

// publishKey publishes msgs, which have one key: a request must not mix keys.
func (p *Publisher) publishKey(ctx context.Context, msgs []bus.Message) error {
	for len(msgs) > 0 {
		request := &pubsubpb.PublishRequest{Topic: p.topic}
		size := 0
		for _, m := range msgs {
			size += m.Size()
			if len(request.Messages) > 0 && size > maxRequestBytes || len(request.Messages) == maxRequestMessages {
				break
			}
			request.Messages = append(request.Messages, &pubsubpb.PubsubMessage{
				OrderingKey: m.OrderingKey, Attributes: m.Attributes, Data: m.Data,
			})
		}
		if _, err := p.client.TopicAdminClient.Publish(ctx, request); err != nil {
			return err
		}
		msgs = msgs[len(request.Messages):]
	}
	return nil
}

// fullName returns the resource name of an id in the client's project.
func fullName(client *pubsub.Client, collection, id string) string {
	return "projects/" + client.Project() + "/" + collection + "/" + id
}
