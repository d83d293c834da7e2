//go:build cloud

package spannerlog_test

import (
	"context"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"go.uber.org/zap"
	"google.golang.org/api/option"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/pubsubbus/pubsubbustest"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

type tx struct {
	ctx context.Context //nolint:containedctx // of the transaction
	log *spannerlog.Log
	*spannerdb.Tx
}

func (t tx) Append(e events.Event) error { return t.log.Append(t.Tx, e) }
func (t tx) Redact(subject string) error {
	return t.log.Redact(t.ctx, t.Tx, spannerlog.History{Subject: subject})
}

func writeTo(db *spannerdb.DB, log *spannerlog.Log) func(context.Context, func(eventlogtest.Tx) error) error {
	return func(ctx context.Context, do func(eventlogtest.Tx) error) error {
		return db.ReadWrite(ctx, func(ctx context.Context, t *spannerdb.Tx) error { return do(tx{ctx, log, t}) })
	}
}

// open returns the log of a new database, as two processes have it.
func open(t *testing.T, options ...option.ClientOption) (b eventlogtest.Backend, other *spannerlog.Log) {
	t.Helper()
	migrations := []spannerdb.Migrations{spannerlog.Migrations()}
	name := spannerdbtest.New(t, migrations...)
	db, otherDB := spannerdbtest.Open(t, name, migrations, options...), spannerdbtest.Open(t, name, migrations)
	log := spannerlog.New(db)
	other = spannerlog.New(otherDB)
	return eventlogtest.Backend{
		Log: log, Write: writeTo(db, log), Elsewhere: writeTo(otherDB, other),
		Pass: func(ctx context.Context, d time.Duration) error { // the replicas are put back instead
			return otherDB.ReadWrite(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
				_, err := tx.Update(ctx, spanner.Statement{
					SQL:    "UPDATE EventLogReplicas SET Expires = TIMESTAMP_SUB(Expires, INTERVAL @ms MILLISECOND) WHERE TRUE",
					Params: map[string]any{"ms": d.Milliseconds()},
				})
				return err
			})
		},
	}, other
}

func TestLog(t *testing.T) {
	t.Parallel()
	b, _ := open(t)
	eventlogtest.Run(t, b)
}

func TestRelay(t *testing.T) {
	t.Parallel()
	eventlogtest.RunRelay(t, func(t *testing.T) eventlogtest.Relayed {
		b, other := open(t)
		pub, sub := pubsubbustest.New(t)
		return eventlogtest.Relayed{Backend: b, Other: other, Publisher: pub, Subscriber: sub}
	}, func(t *testing.T, f func(*testing.T)) { f(t) })
}

// TestCallsWhenIdle counts what a relay without anything to do costs.
func TestCallsWhenIdle(t *testing.T) {
	t.Parallel()
	var calls spannerdbtest.Calls
	b, _ := open(t, calls.Options()...)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		eventlog.NewRelay("test", "https://api.example.com", b.Log, nobody{}, zap.NewNop()).Run(ctx)
	}()
	<-time.After(3 * time.Second) // until its polls have become rare
	calls.Take()
	const seconds = 10
	<-time.After(seconds * time.Second)
	reads, writes := 0, 0
	for _, method := range calls.Take() {
		if method == "Commit" {
			writes++
		} else {
			reads++
		}
	}
	cancel()
	<-ended
	t.Logf("%.1f reads and %.1f commits a second", float64(reads)/seconds, float64(writes)/seconds)
	if reads > 2*seconds || writes > seconds {
		t.Errorf("%d reads and %d commits in %d idle seconds, want at most two and one a second", reads, writes, seconds)
	}
	if reads == 0 || writes == 0 {
		t.Error("nothing was counted")
	}
}

type nobody struct{}

func (nobody) Publish(context.Context, []bus.Message) error { return nil }
