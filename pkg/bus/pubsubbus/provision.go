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
	// maxDeliveries is the maximum of the service's dead-letter policy. Only
	// shutdowns, crashes and expired leases count as deliveries; see the
	// package comment.
	maxDeliveries = 100
)

// This fails to compile if an outage of the whole retention time could use up
// the deliveries, one for each lease.
const _ = uint(maxDeliveries - 1 - retention/lease)

// DeadLetterTopic returns the id of the dead-letter topic of a subscription.
// Provision creates a subscription with the same id on it.
func DeadLetterTopic(subscription string) string {
	return subscription + "-dead-letter"
}

// Provision creates the missing ones among topics, each an id with the ids of
// its subscriptions, and their dead-letter topics and subscriptions. It returns
// the full names of those it created and of those it found, which it does not
// change. Provision is idempotent and safe for concurrent use, also by several
// processes.
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
		ExpirationPolicy:         &pubsubpb.ExpirationPolicy{}, // never expires
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
