//go:build cloud

package spannerlog_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/bus/pubsubbus/pubsubbustest"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

func TestGrowth(t *testing.T) {
	t.Parallel()
	eventlogtest.RunGrowth(t, func(t *testing.T) eventlogtest.Growing {
		migrations := []spannerdb.Migrations{spannerlog.Migrations()}
		name := spannerdbtest.New(t, migrations...)
		db := spannerdbtest.Open(t, name, migrations)
		pub, sub := pubsubbustest.New(t)
		return eventlogtest.Growing{
			Open: func(t *testing.T) eventlogtest.Process {
				db := spannerdbtest.Open(t, name, migrations)
				log := spannerlog.New(db)
				return eventlogtest.Process{Log: log, Write: writeTo(db, log)}
			},
			Grow: func(ctx context.Context, n int) error {
				_, err := spannerlog.New(db).Grow(ctx, n)
				return err
			},
			Used:      func(ctx context.Context) (int, error) { return used(ctx, db) },
			Publisher: pub, Subscriber: sub,
		}
	}, func(t *testing.T, f func(*testing.T)) { f(t) })
}

// used returns the number of shards that have events.
func used(ctx context.Context, db *spannerdb.DB) (shards int, err error) {
	err = db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		return tx.Query(ctx, spanner.NewStatement(`SELECT COUNT(DISTINCT Shard) FROM EventLog WHERE Shard >= 0`)).Do(func(r *spanner.Row) error {
			var n int64
			err := r.Columns(&n)
			shards = int(n)
			return err
		})
	})
	return shards, err
}

func openShards(t *testing.T) (name string, db *spannerdb.DB, log *spannerlog.Log) {
	migrations := []spannerdb.Migrations{spannerlog.Migrations()}
	name = spannerdbtest.New(t, migrations...)
	db = spannerdbtest.Open(t, name, migrations)
	return name, db, spannerlog.New(db)
}

func TestGrowNumbers(t *testing.T) {
	_, _, log := openShards(t)
	grow := func(n, wantBefore int, wantErr string) {
		t.Helper()
		before, err := log.Grow(t.Context(), n)
		if wantErr == "" && (err != nil || before != wantBefore) {
			t.Errorf("Grow to %d = from %d, %v, want from %d", n, before, err, wantBefore)
		}
		if wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)) {
			t.Errorf("Grow to %d = %v, want an error with %q", n, err, wantErr)
		}
	}
	for _, n := range []int{-32, 0, 1, 8, 15, 17, 24, 48, 256} {
		grow(n, 0, "must be 16, 32, 64 or 128")
	}
	grow(16, 16, "")
	grow(64, 16, "")
	grow(64, 64, "")
	grow(32, 0, "only grows")
	grow(16, 0, "only grows")
	grow(128, 64, "")
}

// oldReplica is a replica of a release without Grow, as it claims leases.
type oldReplica struct {
	db   *spannerdb.DB
	name string
}

func (o oldReplica) claim(t *testing.T) (share int) {
	t.Helper()
	if err := o.db.ReadWrite(t.Context(), func(ctx context.Context, tx *spannerdb.Tx) error {
		l := eventlog.Leases{Expires: map[string]time.Time{}}
		before := eventlog.Leases{Expires: map[string]time.Time{}}
		if err := tx.Read(ctx, "EventLogReplicas", spanner.AllKeys(), []string{"Replica", "Expires"}).Do(func(r *spanner.Row) error {
			var replica string
			var expires time.Time
			err := r.Columns(&replica, &expires)
			l.Expires[replica], before.Expires[replica] = expires, expires
			return err
		}); err != nil {
			return err
		}
		if err := tx.Read(ctx, "EventLogPublished", spanner.AllKeys(), []string{"Shard", "Owner", "Epoch"}).Do(func(r *spanner.Row) error {
			var shard, epoch int64
			var owner string
			err := r.Columns(&shard, &owner, &epoch)
			l.Shards[shard] = eventlog.Ownership{Owner: owner, Epoch: epoch}
			before.Shards[shard] = l.Shards[shard]
			return err
		}); err != nil {
			return err
		}
		share = l.Claim(o.name, nil, time.Now())
		var changes []*spanner.Mutation
		if expires, ok := l.Expires[o.name]; ok {
			changes = append(changes, spanner.InsertOrUpdate("EventLogReplicas", []string{"Replica", "Expires"}, []any{o.name, expires}))
		}
		for shard, s := range l.Shards {
			if s != before.Shards[shard] {
				changes = append(changes, spanner.Update("EventLogPublished", []string{"Shard", "Owner", "Epoch"}, []any{int64(shard), s.Owner, s.Epoch}))
			}
		}
		return tx.BufferWrite(changes)
	}); err != nil {
		t.Fatal(err)
	}
	return share
}

// A replica of a release without Grow would publish and save without the events in
// new shards. It holds up Grow while it is alive, and gets no lease afterwards.
func TestGrowthAndOlderRelease(t *testing.T) {
	_, db, log := openShards(t)
	claim := func(want int) []eventlog.Lease {
		t.Helper()
		leases, share, err := log.Claim(t.Context(), "me", nil)
		if err != nil || share != want {
			t.Errorf("Claim = a share of %d, %v, want %d", share, err, want)
		}
		return leases
	}
	claim(eventlog.Shards)
	if err := log.Leave(t.Context(), "me"); err != nil { // the rows of all shards exist now
		t.Fatal(err)
	}
	old := oldReplica{db, "old"}
	if share := old.claim(t); share != eventlog.Shards {
		t.Fatalf("the old replica has a share of %d", share)
	}
	claim(eventlog.Shards / 2)
	if _, err := log.Grow(t.Context(), 32); err == nil || !strings.Contains(err.Error(), "1 replicas of an older release") {
		t.Errorf("Grow beside a replica of an older release = %v", err)
	}
	if err := db.ReadWrite(t.Context(), func(_ context.Context, tx *spannerdb.Tx) error { // it stops without a word
		return tx.BufferWrite([]*spanner.Mutation{spanner.Update("EventLogReplicas", []string{"Replica", "Expires"}, []any{"old", time.Now().Add(-time.Hour)})})
	}); err != nil {
		t.Fatal(err)
	}
	var epoch int64
	if err := db.Read(t.Context(), func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		row, err := tx.ReadRow(ctx, "EventLogPublished", spanner.Key{3}, []string{"Epoch"})
		if err != nil {
			return err
		}
		return row.Columns(&epoch)
	}); err != nil {
		t.Fatal(err)
	}
	if before, err := log.Grow(t.Context(), 32); before != 16 || err != nil {
		t.Fatalf("Grow = from %d, %v", before, err)
	}
	lost, err := log.SavePublished(t.Context(), []eventlog.Progress{{Shard: 3, Epoch: epoch, UpTo: "1/account/1/1"}})
	if !slices.Equal(lost, []int{3}) || err != nil {
		t.Errorf("the old replica saves with its epoch: lost %v, %v", lost, err)
	}
	for range 2 {
		if share := old.claim(t); share != 0 {
			t.Errorf("after growth, the old replica has a share of %d", share)
		}
		if leases := claim(eventlog.Shards); len(leases) != eventlog.Shards {
			t.Errorf("after growth, there are %d leases, want all", len(leases))
		}
	}
}

// TestGrowthIsKept deletes the markers, as Spanner does after 90 days.
func TestGrowthIsKept(t *testing.T) {
	_, db, log := openShards(t)
	if _, err := log.Grow(t.Context(), 64); err != nil {
		t.Fatal(err)
	}
	if err := db.ReadWrite(t.Context(), func(ctx context.Context, tx *spannerdb.Tx) error {
		n, err := tx.Update(ctx, spanner.NewStatement(`DELETE FROM EventLog WHERE TRUE`))
		if n != 1 {
			t.Errorf("%d rows are deleted, want the marker", n)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range 100 {
		e := events.Event{Type: events.AccountCreatedV1, Subject: fmt.Sprint("account/", i), Version: 1, Data: []byte("{}")}
		if err := writeTo(db, log)(t.Context(), func(tx eventlogtest.Tx) error { return tx.Append(e) }); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID())
	}
	page, err := spannerlog.New(db).Page(t.Context(), eventlog.Position{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range page.Records {
		got = append(got, r.ID())
	}
	if !slices.Equal(got, ids) {
		t.Errorf("a new process reads %d events, want %d in their order", len(got), len(ids))
	}
}

// A relay's read costs one call, before and after growth, and RedactSome finds the
// oldest events in whatever shards they are.
func TestGrowthCalls(t *testing.T) {
	var calls spannerdbtest.Calls
	name, writer, written := openShards(t)
	db := spannerdbtest.Open(t, name, []spannerdb.Migrations{spannerlog.Migrations()}, calls.Options()...)
	log := spannerlog.New(db)
	read := func(when string, want ...string) {
		t.Helper()
		calls.Take()
		from := make([]eventlog.ShardOffset, eventlog.Shards)
		for shard := range from {
			from[shard].Shard = shard
		}
		if _, err := log.Read(t.Context(), from, 500); err != nil {
			t.Fatal(err)
		}
		if got := calls.Take(); !slices.Equal(got, want) {
			t.Errorf("%s, Read makes the calls %q, want %q", when, got, want)
		}
	}
	subject := "account/1" // its shards differ for 16, 32, 64 and 128
	for i := 2; eventlog.Hash(subject)%128 < 112; i++ {
		subject = fmt.Sprint("account/", i)
	}
	version := int64(0)
	write := func() {
		t.Helper()
		for range 3 {
			version++
			e := events.Event{Type: events.AccountUpdatedV1, Subject: subject, Version: version, Data: []byte("{}")}
			if err := writeTo(writer, written)(t.Context(), func(tx eventlogtest.Tx) error { return tx.Append(e) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	read("at first", "StreamingRead", "StreamingRead")
	for _, n := range []int{32, 64, 128} {
		write()
		read("before", "StreamingRead")
		if _, err := written.Grow(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		read("just after growth", "StreamingRead", "StreamingRead")
		read("after growth", "StreamingRead")
	}
	write()
	if n, err := used(t.Context(), db); n != 4 || err != nil {
		t.Fatalf("the events are in %d shards, %v", n, err)
	}
	for _, last := range []int64{5, 10, version} {
		if err := writer.ReadWrite(t.Context(), func(ctx context.Context, tx *spannerdb.Tx) error {
			rest, err := written.RedactSome(ctx, tx, spannerlog.History{Subject: subject}, version, 5)
			if rest.After != last {
				t.Errorf("RedactSome has come to version %d, want %d", rest.After, last)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		history, err := log.History(t.Context(), subject, 0, 100)
		if err != nil || len(history) != int(version) {
			t.Fatalf("the history has %d events, %v", len(history), err)
		}
		for _, r := range history {
			if redacted := string(r.Data) == events.Redacted; redacted != (r.Version <= last) {
				t.Errorf("after %d were redacted, %s has %s", last, r.ID(), r.Data)
			}
		}
	}
}
