package pubsubbus

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	retention   = 7 * 24 * time.Hour
	ackDeadline = 60 * time.Second
	minRetry    = time.Second
	maxRetry    = 60 * time.Second
	// maxDeliveries is the dead-letter policy of the service. Only shutdowns,
	// crashes and ended leases count towards it; see the package comment.
	maxDeliveries = 100
)

// An outage ends no message before retention does: it compiles while the leases
// of that time are fewer than the deliveries.
const _ = uint(maxDeliveries - 1 - retention/lease)

// DeadLetterTopic returns the id of the topic that takes what cannot be handled
// in a subscription. Provision makes a subscription of the same id on it.
func DeadLetterTopic(subscription string) string {
	return subscription + "-dead-letter"
}

// Provision makes what is missing of topics, each an id with the ids of its
// subscriptions, and of their dead-letter topics and subscriptions. It returns
// the full names of what it made and of what was there, which stays as it is:
// Provision may be called again, and by several at once.
func Provision(ctx context.Context, client *pubsub.Client, topics map[string][]string) (made, found []string, err error) {
	p := provisioner{client: client}
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		if err := p.topic(ctx, topic); err != nil {
			return p.made, p.found, err
		}
		for _, subscription := range topics[topic] {
			if err := p.subscriptionWithDeadLetters(ctx, topic, subscription); err != nil {
				return p.made, p.found, err
			}
		}
	}
	return p.made, p.found, nil
}

type provisioner struct {
	client      *pubsub.Client
	made, found []string
}

func (p *provisioner) subscriptionWithDeadLetters(ctx context.Context, topic, id string) error {
	deadLetters := DeadLetterTopic(id)
	if err := p.topic(ctx, deadLetters); err != nil {
		return err
	}
	if err := p.subscription(ctx, deadLetters, deadLetters, nil); err != nil {
		return err
	}
	return p.subscription(ctx, topic, id, &pubsubpb.DeadLetterPolicy{
		DeadLetterTopic:     fullName(p.client, "topics", deadLetters),
		MaxDeliveryAttempts: maxDeliveries,
	})
}

func (p *provisioner) topic(ctx context.Context, id string) error {
	name := fullName(p.client, "topics", id)
	_, err := p.client.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{
		Name: name, MessageRetentionDuration: durationpb.New(retention),
	})
	return p.note(name, err)
}

func (p *provisioner) subscription(ctx context.Context, topic, id string, deadLetters *pubsubpb.DeadLetterPolicy) error {
	name := fullName(p.client, "subscriptions", id)
	_, err := p.client.SubscriptionAdminClient.CreateSubscription(ctx, &pubsubpb.Subscription{
		Name:                     name,
		Topic:                    fullName(p.client, "topics", topic),
		EnableMessageOrdering:    true,
		AckDeadlineSeconds:       int32(ackDeadline.Seconds()),
		MessageRetentionDuration: durationpb.New(retention),
		ExpirationPolicy:         &pubsubpb.ExpirationPolicy{}, // never
		RetryPolicy: &pubsubpb.RetryPolicy{
			MinimumBackoff: durationpb.New(minRetry), MaximumBackoff: durationpb.New(maxRetry),
		},
		DeadLetterPolicy: deadLetters,
	})
	return p.note(name, err)
}

func (p *provisioner) note(name string, err error) error {
	switch status.Code(err) {
	case codes.OK:
		p.made = append(p.made, name)
		return nil
	case codes.AlreadyExists:
		p.found = append(p.found, name)
		return nil
	default:
		return fmt.Errorf("make %s: %w", path.Base(name), err)
	}
}
