package pubsubbus_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/bustest"
	"github.com/concha-labs/backend/pkg/bus/pubsubbus"
)

// broker is a client of a test server whose connection can be cut.
type broker struct {
	*pubsub.Client
	unreachable atomic.Bool
	// intercept, if set, replaces the answer of the server by returning true.
	intercept func(method string, request any, invoke func(context.Context) error) bool
}

var names atomic.Int64

// connect returns a client of the server at addr, in a project of its own.
func connect(t testing.TB, addr string) *broker {
	t.Helper()
	b := &broker{}
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if b.unreachable.Load() {
				return status.Error(codes.Unavailable, "cut off")
			}
			invoke := func(ctx context.Context) error { return invoker(ctx, method, req, reply, cc, opts...) }
			if b.intercept != nil && b.intercept(path.Base(method), req, invoke) {
				return nil
			}
			return invoke(ctx)
		}))
	if err != nil {
		t.Fatal(err)
	}
	project := fmt.Sprintf("test-%d-%d", time.Now().UnixNano(), names.Add(1))
	b.Client, err = pubsub.NewClient(t.Context(), project, option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// open returns a provisioned topic for the suite.
func open(t *testing.T, b *broker) bustest.Topic {
	t.Helper()
	if _, _, err := pubsubbus.Provision(t.Context(), b.Client, []bus.Subscription{{Topic: "topic", Name: "one"}, {Topic: "topic", Name: "two"}}); err != nil {
		t.Fatal(err)
	}
	return bustest.Topic{
		Publisher: pubsubbus.NewPublisher(b.Client, "topic"),
		Subscribers: [2]bus.Subscriber{
			pubsubbus.NewSubscriber(b.Client, "one", zap.NewNop()),
			pubsubbus.NewSubscriber(b.Client, "two", zap.NewNop()),
		},
		DeadLetters: func(t *testing.T) []bustest.DeadLetter { return pullDeadLetters(t, b, "one") },
		Break: func() func() {
			b.unreachable.Store(true)
			return func() { b.unreachable.Store(false) }
		},
	}
}

func pull(t *testing.T, b *broker, subscription string) []*pubsubpb.PubsubMessage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	name := "projects/" + b.Project() + "/subscriptions/" + subscription
	response, err := b.SubscriptionAdminClient.Pull(ctx, &pubsubpb.PullRequest{Subscription: name, MaxMessages: 100})
	if status.Code(err) == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if err != nil {
		t.Fatalf("Pull: %v", err)
	}
	var msgs []*pubsubpb.PubsubMessage
	var acks []string
	for _, m := range response.ReceivedMessages {
		msgs = append(msgs, m.Message)
		acks = append(acks, m.AckId)
	}
	if len(acks) > 0 {
		if err := b.SubscriptionAdminClient.Acknowledge(t.Context(), &pubsubpb.AcknowledgeRequest{Subscription: name, AckIds: acks}); err != nil {
			t.Fatalf("Acknowledge: %v", err)
		}
	}
	return msgs
}

func pullDeadLetters(t *testing.T, b *broker, subscription string) (dead []bustest.DeadLetter) {
	for _, m := range pull(t, b, pubsubbus.DeadLetterTopic(subscription)) {
		if from := m.Attributes[pubsubbus.DeadLetterSubscription]; from != subscription {
			t.Errorf("the dead letter %s is of the subscription %q", m.Attributes["ce-id"], from)
		}
		reason := m.Attributes[pubsubbus.DeadLetterReason]
		delete(m.Attributes, pubsubbus.DeadLetterReason)
		delete(m.Attributes, pubsubbus.DeadLetterSubscription)
		dead = append(dead, bustest.DeadLetter{
			Message: bus.Message{OrderingKey: m.OrderingKey, Attributes: m.Attributes, Data: m.Data}, Reason: reason,
		})
	}
	return dead
}

// testProvision tests Provision against the server at addr. pstest refuses the
// filter of a subscription to some types.
func testProvision(t *testing.T, addr string, types ...string) {
	b := connect(t, addr)
	provision := func(subscriptions []bus.Subscription, there int, want ...string) {
		t.Helper()
		for _, expected := range [][]string{want, nil} { // the second call finds nothing to create
			made, found, err := pubsubbus.Provision(t.Context(), b.Client, subscriptions)
			if err != nil {
				t.Fatalf("Provision: %v", err)
			}
			if len(made)+len(found) != there+len(want) {
				t.Errorf("made %q, found %q: want %d in all", made, found, there+len(want))
			}
			var got []string
			for _, name := range made {
				got = append(got, strings.TrimPrefix(name, "projects/"+b.Project()+"/"))
			}
			if diff := cmp.Diff(expected, got); diff != "" {
				t.Errorf("made (-want +got):\n%s", diff)
			}
		}
	}
	provision([]bus.Subscription{{Topic: "account-events-v1", Name: "accounts-self", Types: types}}, 0,
		"topics/account-events-v1",
		"topics/accounts-self-dead-letter", "subscriptions/accounts-self-dead-letter", "subscriptions/accounts-self")
	provision([]bus.Subscription{
		{Topic: "account-events-v1", Name: "audios-account-events"}, {Topic: "audio-events-v1", Name: "audios-self"}, {Topic: "audio-events-v1", Name: "other"},
	}, 1,
		"topics/audios-account-events-dead-letter", "subscriptions/audios-account-events-dead-letter", "subscriptions/audios-account-events",
		"topics/audio-events-v1",
		"topics/audios-self-dead-letter", "subscriptions/audios-self-dead-letter", "subscriptions/audios-self",
		"topics/other-dead-letter", "subscriptions/other-dead-letter", "subscriptions/other")

	got, err := b.SubscriptionAdminClient.GetSubscription(t.Context(), &pubsubpb.GetSubscriptionRequest{
		Subscription: "projects/" + b.Project() + "/subscriptions/accounts-self",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.EnableMessageOrdering != (len(types) == 0) || got.AckDeadlineSeconds != 20 || got.ExpirationPolicy.GetTtl() != nil ||
		got.MessageRetentionDuration.AsDuration() != 7*24*time.Hour ||
		got.RetryPolicy.GetMinimumBackoff().AsDuration() != time.Second || got.RetryPolicy.GetMaximumBackoff().AsDuration() != time.Minute {
		t.Errorf("subscription %v", got)
	}
	policy := &pubsubpb.DeadLetterPolicy{
		DeadLetterTopic: "projects/" + b.Project() + "/topics/accounts-self-dead-letter", MaxDeliveryAttempts: 100,
	}
	if !proto.Equal(got.DeadLetterPolicy, policy) {
		t.Errorf("dead-letter policy %v, want %v", got.DeadLetterPolicy, policy)
	}
}
