// Package pubsubbus is the bus on Cloud Pub/Sub.
//
// # Publishing
//
// Publisher calls the Publish method of the API itself, one request at a time
// for an ordering key, instead of the batching publisher of the client library.
// After an error, the library keeps the failed key paused and unsent batches
// queued, and resuming a key while an older batch is still queued lets a later
// message overtake an earlier one. Publisher has no request under way once
// Publish has returned. Publishing again after an error is therefore always
// safe, a cancelled context ends the requests at once, and there is no batching
// delay.
//
// # Failing messages
//
// The service redelivers a nacked message of an ordered subscription together
// with its successors, but the client handles successors that it already holds
// before the redelivered message. A nack therefore breaks the order. Each nack
// also brings the successors closer to the limit of the dead-letter policy.
// Keys whose messages were moved by that policy have been seen to stall
// (googleapis/google-cloud-dotnet#11793), and the emulator neither holds back a
// nacked key nor dead-letters ordered messages. So the subscriptions of the
// services are unordered, and Provision creates an ordered one only for a
// subscriber that needs all types.
//
// Subscriber retries in place while it holds the lease, and with it the key of an
// ordered subscription. It publishes messages that cannot be handled to the
// dead-letter topic itself, before it acknowledges them. It nacks only at shutdown, when a
// lease expires, and when the dead-letter topic cannot be reached. The
// dead-letter policy of the subscription remains for messages that kill the
// process.
package pubsubbus

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concha-labs/backend/pkg/bus"
)

const (
	// publishTimeout bounds a call of Publish including its retries.
	publishTimeout = 10 * time.Second
	// publishWidth is the number of keys that one call publishes at a time.
	publishWidth = 64
	// The limits of the service for one request. The limit of bytes is lower
	// here, to leave room for the encoding.
	maxRequestMessages = 1000
	maxRequestBytes    = bus.MaxMessage
)

// Publisher publishes to one topic.
type Publisher struct {
	client *pubsub.Client
	topic  string
}

var _ bus.Publisher = (*Publisher)(nil)

// NewPublisher returns a publisher to the topic with this id in the client's
// project. It holds no resources besides the client.
func NewPublisher(client *pubsub.Client, topic string) *Publisher {
	return &Publisher{client: client, topic: fullName(client, "topics", topic)}
}

// Publish implements bus.Publisher. It returns within ten seconds.
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
	err = group.Wait()
	if status.Code(err) == codes.NotFound {
		return fmt.Errorf("publish: %w", bus.ErrUnavailable.Detailf("the topic %s does not exist; create it, or correct its name", p.topic).Wrap(err))
	}
	if err != nil {
		return fmt.Errorf("publish to %s: %w", p.topic, bus.ErrUnavailable.Wrap(err))
	}
	return nil
}

// publishKey publishes msgs, which have one key, because a request must not mix
// keys.
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
