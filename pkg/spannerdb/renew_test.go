package spannerdb

import (
	"context"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/concha-labs/backend/pkg/fault"
)

// forgetful is a Spanner that does not know the sessions it has created.
type forgetful struct {
	spannerpb.UnimplementedSpannerServer
}

func (forgetful) CreateSession(_ context.Context, r *spannerpb.CreateSessionRequest) (*spannerpb.Session, error) {
	return &spannerpb.Session{Name: r.GetDatabase() + "/sessions/1", Multiplexed: true}, nil
}

func (forgetful) StreamingRead(r *spannerpb.ReadRequest, _ spannerpb.Spanner_StreamingReadServer) error {
	return status.Errorf(codes.NotFound, "Session not found: %s", r.GetSession())
}

func serve(t *testing.T, s spannerpb.SpannerServer) []option.ClientOption {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	spannerpb.RegisterSpannerServer(server, s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return []option.ClientOption{
		option.WithEndpoint("passthrough:///" + listener.Addr().String()),
		option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
}

// TestNoCallWaitsForARenewal delays a renewal for longer than the time limit of
// a call.
func TestNoCallWaitsForARenewal(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), "projects/p/instances/i/databases/d", Config{}, serve(t, forgetful{})...)
	if err != nil {
		t.Fatal(err)
	}
	connect, first := db.connect, db.current()
	began, release := make(chan struct{}), make(chan struct{})
	db.connect = func() (*spanner.Client, error) {
		close(began) // a second call would panic
		<-release
		return connect()
	}
	read := func() {
		begin := time.Now()
		err := db.Read(t.Context(), func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
			_, err := tx.ReadRow(ctx, "T", spanner.Key{1}, []string{"N"})
			return err
		})
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%v, want fault.Unavailable", err)
		}
		if took := time.Since(begin); took > callTimeout+rollbackTimeout {
			t.Errorf("the call took %v", took)
		}
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { read(); read() })
	}
	wg.Wait()
	<-began
	if db.current() != first {
		t.Error("the client was replaced before there was another one")
	}
	close(release)
	for db.current() == first { // until the test times out
		runtime.Gosched()
	}
	db.Close()
}
