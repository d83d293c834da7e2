//go:build cloud

package spannerlog_test

import (
	"context"
	"strings"
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

// open returns the log of a new database as two processes open it.
func open(t *testing.T, options ...option.ClientOption) (b eventlogtest.Backend, other *spannerlog.Log) {
	t.Helper()
	migrations := []spannerdb.Migrations{spannerlog.Migrations()}
	name := spannerdbtest.New(t, migrations...)
	db, otherDB := spannerdbtest.Open(t, name, migrations, options...), spannerdbtest.Open(t, name, migrations)
	log := spannerlog.New(db)
	other = spannerlog.New(otherDB)
	return eventlogtest.Backend{
		Log: log, Write: writeTo(db, log), Elsewhere: writeTo(otherDB, other),
		Pass: func(ctx context.Context, d time.Duration) error { // makes the replicas older instead of waiting
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
		return eventlogtest.Relayed{Backend: b, Other: other, Publisher: pub, Subscriber: sub, Busy: 2 * time.Second}
	}, func(t *testing.T, f func(*testing.T)) { f(t) })
}

// TestMaxRedacted redacts the maximum number of events in one transaction,
// which has to finish in time.
func TestMaxRedacted(t *testing.T) {
	t.Parallel()
	migrations := []spannerdb.Migrations{spannerlog.Migrations()}
	db := spannerdbtest.Open(t, spannerdbtest.New(t, migrations...), migrations)
	log := spannerlog.New(db)
	for subject, redact := range map[string]func(context.Context, *spannerdb.Tx, spannerlog.History) error{
		"account/1": func(ctx context.Context, tx *spannerdb.Tx, h spannerlog.History) error {
			return log.Redact(ctx, tx, h)
		},
		"account/2": func(ctx context.Context, tx *spannerdb.Tx, h spannerlog.History) error {
			_, err := log.RedactSome(ctx, tx, h, spannerlog.MaxRedacted, spannerlog.MaxRedacted)
			return err
		},
	} {
		for first := int64(1); first <= spannerlog.MaxRedacted; first += 100 {
			if err := db.ReadWrite(t.Context(), func(_ context.Context, tx *spannerdb.Tx) error {
				for version := first; version < first+100; version++ {
					if err := log.Append(tx, events.Event{Subject: subject, Version: version, Type: "t", Data: payload}); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.ReadWrite(t.Context(), func(ctx context.Context, tx *spannerdb.Tx) error {
			return redact(ctx, tx, spannerlog.History{Subject: subject})
		}); err != nil {
			t.Errorf("redact the events of %s: %v", subject, err)
		}
	}
}

var payload = []byte(`"` + strings.Repeat("x", 600) + `"`)

// TestCallsWhenIdle counts the calls of an idle relay.
func TestCallsWhenIdle(t *testing.T) {
	t.Parallel()
	var calls spannerdbtest.Calls
	b, _ := open(t, calls.Options()...)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		eventlog.NewRelay(eventlog.RelayConfig{Name: "test", Log: b.Log, Publisher: nobody{}, Logger: zap.NewNop()}).Run(ctx)
	}()
	<-time.After(3 * time.Second) // until the idle interval applies
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

// A replica leaves alone the shards that only a later release has.
func TestUnknownShards(t *testing.T) {
	migrations := []spannerdb.Migrations{spannerlog.Migrations()}
	db := spannerdbtest.Open(t, spannerdbtest.New(t, migrations...), migrations)
	log := spannerlog.New(db)
	if err := db.ReadWrite(t.Context(), func(_ context.Context, tx *spannerdb.Tx) error {
		var rows []*spanner.Mutation
		for _, shard := range []int64{-1, eventlog.Shards} {
			rows = append(rows, spanner.Insert("EventLogPublished", []string{"Shard", "Cursor"}, []any{shard, "x"}))
		}
		return tx.BufferWrite(rows)
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Published(t.Context()); err != nil {
		t.Errorf("Published: %v", err)
	}
	if leases, share, err := log.Claim(t.Context(), "me", nil); err != nil || share != eventlog.Shards || len(leases) != eventlog.Shards {
		t.Errorf("Claim = %d leases, a share of %d, %v", len(leases), share, err)
	}
}
