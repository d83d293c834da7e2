//go:build cloud

package spannerlog_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/api/option"
	"google.golang.org/grpc"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

func readerBackend(t *testing.T) eventlogtest.ReaderBackend {
	migrations := []spannerdb.Migrations{spannerlog.Migrations()}
	name := spannerdbtest.New(t, migrations...)
	db, other := spannerdbtest.Open(t, name, migrations), spannerdbtest.Open(t, name, migrations)
	log := spannerlog.New(db)
	return eventlogtest.ReaderBackend{
		Reader: log, Write: writeTo(db, log), Elsewhere: writeTo(other, spannerlog.New(other)), Anew: readerBackend,
	}
}

func TestReader(t *testing.T) {
	eventlogtest.RunReader(t, readerBackend(t))
}

// Each read is one call, whatever it finds.
func TestReaderCalls(t *testing.T) {
	var mu sync.Mutex
	var calls []string
	count := option.WithGRPCDialOption(grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, method[strings.LastIndexByte(method, '/')+1:])
		return stream(ctx, desc, cc, method, opts...)
	}))
	unary := option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		mu.Lock()
		defer mu.Unlock()
		if !strings.HasSuffix(method, "/CreateSession") {
			calls = append(calls, method[strings.LastIndexByte(method, '/')+1:])
		}
		return invoke(ctx, method, req, reply, cc, opts...)
	}))
	migrations := []spannerdb.Migrations{spannerlog.Migrations()}
	name := spannerdbtest.New(t, migrations...)
	writer := spannerdbtest.Open(t, name, migrations)
	written := spannerlog.New(writer)
	log := spannerlog.New(spannerdbtest.Open(t, name, migrations, count, unary))
	read := func(what string, do func() error, want ...string) {
		t.Helper()
		calls = nil
		if err := do(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if !slices.Equal(calls, want) {
			t.Errorf("%s makes the calls %q, want %q", what, calls, want)
		}
	}
	for _, subject := range []string{"account/1", "account/2", "account/3"} { // first in an empty log
		var at eventlog.Position
		read("Head", func() (err error) { at, _, err = log.Head(t.Context(), at); return err }, "StreamingRead")
		read("Page", func() error { _, err := log.Page(t.Context(), eventlog.Position{}, 100); return err }, "ExecuteStreamingSql")
		read("Page", func() error { _, err := log.Page(t.Context(), at, 100); return err }, "ExecuteStreamingSql")
		read("History", func() error { _, err := log.History(t.Context(), "account/1", 0, 100); return err }, "ExecuteStreamingSql")
		read("Since", func() error { _, err := log.Since(t.Context(), at.Time); return err })
		if err := writeTo(writer, written)(t.Context(), func(tx eventlogtest.Tx) error {
			return tx.Append(events.Event{Type: events.AccountCreatedV1, Subject: subject, Version: 1, Data: []byte("{}")})
		}); err != nil {
			t.Fatal(err)
		}
	}
}
