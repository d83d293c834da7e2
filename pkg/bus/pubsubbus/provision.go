package pubsubbus

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/concha-labs/backend/pkg/bus"
)

const (
	retention = 7 * 24 * time.Hour
	// ackDeadline is how long after its last sign of life a subscriber is taken
	// for dead, and its messages are delivered to another one.
	ackDeadline = 20 * time.Second
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

// Provision creates the missing ones among subscriptions, their topics, and their
// dead-letter topics and subscriptions. It returns the full names of those it
// created and of those it found, which it does not change. Provision is
// idempotent and safe for concurrent use, also by several processes.
func Provision(ctx context.Context, client *pubsub.Client, subscriptions []bus.Subscription) (made, found []string, err error) {
	p := provisioner{client: client}
	for i, s := range subscriptions {
		if !slices.ContainsFunc(subscriptions[:i], func(earlier bus.Subscription) bool { return earlier.Topic == s.Topic }) {
			if err := p.topic(ctx, s.Topic); err != nil {
				return p.made, p.found, err
			}
		}
		if err := p.subscriptionWithDeadLetters(ctx, s); err != nil {
			return p.made, p.found, err
		}
	}
	return p.made, p.found, nil
}

// filter returns the filter of a subscription to some types.
func filter(types []string) string {
	terms := make([]string, len(types))
	for i, t := range types {
		terms[i] = fmt.Sprintf(`attributes."ce-type" = %q`, t)
	}
	return strings.Join(terms, " OR ")
}

type provisioner struct {
	client      *pubsub.Client
	made, found []string
}

func (p *provisioner) subscriptionWithDeadLetters(ctx context.Context, s bus.Subscription) error {
	deadLetters := DeadLetterTopic(s.Name)
	if err := p.topic(ctx, deadLetters); err != nil {
		return err
	}
	if err := p.subscription(ctx, bus.Subscription{Topic: deadLetters, Name: deadLetters}, nil); err != nil {
		return err
	}
	return p.subscription(ctx, s, &pubsubpb.DeadLetterPolicy{
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

func (p *provisioner) subscription(ctx context.Context, s bus.Subscription, deadLetters *pubsubpb.DeadLetterPolicy) error {
	name := fullName(p.client, "subscriptions", s.Name)
	_, err := p.client.SubscriptionAdminClient.CreateSubscription(ctx, &pubsubpb.Subscription{
		Name:                     name,
		Topic:                    fullName(p.client, "topics", s.Topic),
		EnableMessageOrdering:    len(s.Types) == 0,
		Filter:                   filter(s.Types),
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
