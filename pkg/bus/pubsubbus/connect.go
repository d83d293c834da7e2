package pubsubbus

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/pubsub/v2"
	vkit "cloud.google.com/go/pubsub/v2/apiv1"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
)

// maxPause is the longest pause before a retry after an outage. The defaults
// are longer: gRPC waits up to two minutes before it reconnects, and longer
// than publishTimeout between attempts to publish.
const maxPause = 2 * time.Second

// Connect returns a client of a project, which the caller must close. endpoint is
// the host and the port of Pub/Sub, such as those of one region, or "" for those
// of the library and of PUBSUB_EMULATOR_HOST. Connect does not wait for Pub/Sub.
// Calls that failed because Pub/Sub was unreachable succeed again within seconds
// after it is back.
func Connect(ctx context.Context, project, endpoint string) (*pubsub.Client, error) {
	var options []option.ClientOption
	if endpoint != "" {
		options = append(options, option.WithEndpoint(endpoint))
	}
	client, err := pubsub.NewClientWithConfig(ctx, project, &pubsub.ClientConfig{
		TopicAdminCallOptions: &vkit.TopicAdminCallOptions{Publish: []gax.CallOption{gax.WithRetry(func() gax.Retryer {
			return gax.OnCodes(
				[]codes.Code{
					codes.Aborted, codes.Canceled, codes.DeadlineExceeded, codes.Internal,
					codes.ResourceExhausted, codes.Unavailable, codes.Unknown,
				},
				gax.Backoff{Initial: 100 * time.Millisecond, Max: maxPause, Multiplier: 2},
			)
		})}},
	}, append(options, option.WithGRPCDialOption(grpc.WithConnectParams(grpc.ConnectParams{
		Backoff:           grpcbackoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxPause},
		MinConnectTimeout: 2 * maxPause,
	})))...)
	if err != nil {
		return nil, fmt.Errorf("connect to Pub/Sub: %w", err)
	}
	return client, nil
}
