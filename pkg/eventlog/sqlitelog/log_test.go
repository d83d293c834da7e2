package sqlitelog_test

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus/membus"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

func open(t *testing.T) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "log.db"), sqlitelog.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

type tx struct {
	log *sqlitelog.Log
	*sqlitedb.Tx
}

func (t tx) Append(e events.Event) error { return t.log.Append(t.Tx, e) }
func (t tx) Redact(subject string) error { return t.log.Redact(t.Tx, subject) }

func backend(t *testing.T) eventlogtest.Backend {
	t.Helper()
	db := open(t)
	var passed atomic.Int64
	log := sqlitelog.New(db, func() time.Time { return time.Now().Add(time.Duration(passed.Load())) })
	write := func(ctx context.Context, do func(eventlogtest.Tx) error) error {
		return db.Write(ctx, func(t *sqlitedb.Tx) error { return do(tx{log, t}) })
	}
	return eventlogtest.Backend{
		Log: log, Write: write, Elsewhere: write,
		Pass: func(_ context.Context, d time.Duration) error { passed.Add(int64(d)); return nil },
	}
}

func TestLog(t *testing.T) {
	eventlogtest.Run(t, backend(t))
}

func TestRelay(t *testing.T) {
	eventlogtest.RunRelay(t, func(t *testing.T) eventlogtest.Relayed {
		b, memory := backend(t), membus.New(map[string][]string{"events": {"consumer"}}, t.TempDir(), zap.NewNop())
		return eventlogtest.Relayed{
			Backend: b, Other: b.Log,
			Publisher: memory.Publisher("events"), Subscriber: memory.Subscriber("events", "consumer"),
		}
	}, synctest.Test)
}

// TestGrowth runs without growth: one process writes to one file, so the number of
// shards is fixed.
func TestGrowth(t *testing.T) {
	eventlogtest.RunGrowth(t, func(t *testing.T) eventlogtest.Growing {
		db := open(t)
		log := sqlitelog.New(db, time.Now)
		write := func(ctx context.Context, do func(eventlogtest.Tx) error) error {
			return db.Write(ctx, func(t *sqlitedb.Tx) error { return do(tx{log, t}) })
		}
		memory := membus.New(map[string][]string{"events": {"consumer"}}, t.TempDir(), zap.NewNop())
		return eventlogtest.Growing{
			Open:      func(*testing.T) eventlogtest.Process { return eventlogtest.Process{Log: log, Write: write} },
			Publisher: memory.Publisher("events"), Subscriber: memory.Subscriber("events", "consumer"),
		}
	}, synctest.Test)
}

// TestOlderDatabase opens a database from the time when the log had one shard.
func TestOlderDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	first, err := fs.ReadFile(sqlitelog.Migrations().Files, "migrations/001_event_log.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlitedb.Open(t.Context(), path, sqlitedb.Migrations{
		Component: sqlitelog.Migrations().Component, Files: fstest.MapFS{"migrations/001_event_log.sql": {Data: first}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const subjects, versions, published = 40, 5, 70
	var want []string // the events that are not published, in the order of the log
	if err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
		for version := range versions {
			for subject := range subjects {
				e := events.Event{Subject: fmt.Sprintf("account/%d", subject*subject*7919), Version: int64(version) + 1}
				if _, err := tx.Exec(`INSERT INTO event_log (time, subject, version, type, data, traceparent) VALUES (0, ?, ?, '', '{}', '')`, e.Subject, e.Version); err != nil {
					return err
				}
				if version*subjects+subject >= published {
					want = append(want, e.ID())
				}
			}
		}
		_, err := tx.Exec(`INSERT INTO event_log_published (shard, seq) VALUES (0, ?)`, published)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	if db, err = sqlitedb.Open(t.Context(), path, sqlitelog.Migrations()); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	log := sqlitelog.New(db, time.Now)
	cursors, err := log.Published(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []eventlog.Entry
	for shard, cursor := range cursors {
		entries, err := log.Read(t.Context(), []eventlog.ShardOffset{{Shard: shard, After: cursor}}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if want := eventlog.Shard(e.Subject); shard != want {
				t.Errorf("%s is in shard %d, want %d", e.ID(), shard, want)
			}
		}
		if !slices.IsSortedFunc(entries, bySeq) {
			t.Errorf("shard %d is not in the order of the log", shard)
		}
		got = append(got, entries...)
	}
	slices.SortFunc(got, bySeq)
	var ids []string
	for _, e := range got {
		ids = append(ids, e.ID())
	}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("what is to be published (-want +got):\n%s", diff)
	}
}

func bySeq(a, b eventlog.Entry) int {
	x, _ := strconv.Atoi(string(a.Offset))
	y, _ := strconv.Atoi(string(b.Offset))
	return x - y
}

// everything returns the first position of every shard.
func everything() (from []eventlog.ShardOffset) {
	for shard := range eventlog.Shards {
		from = append(from, eventlog.ShardOffset{Shard: shard})
	}
	return from
}

func TestPurge(t *testing.T) {
	db := open(t)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	log := sqlitelog.New(db, func() time.Time { return now })
	write := func(subject string, n int64) {
		t.Helper()
		if err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
			for version := range n {
				if err := log.Append(tx, events.Event{Subject: subject, Version: version + 1, Type: events.AccountUpdatedV1, Data: []byte("{}")}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	purge := func(want int64) (left []eventlog.Entry) {
		t.Helper()
		if removed, err := log.Purge(t.Context()); removed != want || err != nil {
			t.Errorf("Purge = %d, %v, want %d", removed, err, want)
		}
		left, err := log.Read(t.Context(), everything(), 5000)
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	const old = 1500 // more than one step
	write("account/old", old)
	now = now.Add(time.Hour)
	write("account/young", 1)
	now = now.Add(eventlog.Retention - time.Minute)

	wantSteps := func(want int) {
		t.Helper()
		if steps, err := log.PurgeSteps(t.Context()); steps != want || err != nil {
			t.Errorf("Purge takes %d steps, %v, want %d", steps, err, want)
		}
	}
	left := purge(0) // no event is published
	wantSteps(1)     // and it does not look at all of them each time
	if len(left) != old+1 {
		t.Fatalf("%d events left, want all", len(left))
	}
	publish(t, log, left[slices.IndexFunc(left, func(e eventlog.Entry) bool { return e.Subject == "account/young" })])
	purge(0) // old events that are not published remain, even if later ones in another shard are published
	publish(t, log, left[slices.IndexFunc(left, func(e eventlog.Entry) bool { return e.Subject == "account/old" && e.Version == old })])
	if left := purge(old); len(left) != 1 || left[0].Subject != "account/young" {
		t.Errorf("%d events left, want the one that is not old enough", len(left))
	}
}

// A damaged table is an error, not a panic.
func TestPublishedOfAnUnknownShard(t *testing.T) {
	for _, shard := range []int{-1, eventlog.Shards} {
		db := open(t)
		log := sqlitelog.New(db, time.Now)
		if err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
			_, err := tx.Exec(`INSERT INTO event_log_published (shard, seq) VALUES (?, 1)`, shard)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := log.Published(t.Context()); err == nil || !strings.Contains(err.Error(), fmt.Sprint("shard ", shard)) {
			t.Errorf("Published = %v, want an error that names shard %d", err, shard)
		}
	}
}

// Events of a clock that was ahead do not keep older ones, or younger ones, in
// the log.
func TestPurgePassesEventsFromTheFuture(t *testing.T) {
	db := open(t)
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	now := begun
	log := sqlitelog.New(db, func() time.Time { return now })
	var version int64
	write := func(n int64) {
		t.Helper()
		if err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
			for range n {
				version++
				if err := log.Append(tx, events.Event{Subject: "account/1", Version: version, Type: events.AccountUpdatedV1, Data: []byte("{}")}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	write(1)
	now = begun.Add(365 * 24 * time.Hour)
	const future = 2500 // more than one step
	write(future)
	now = begun
	write(1)
	now = begun.Add(eventlog.Retention + time.Hour)
	write(1)
	all, err := log.Read(t.Context(), everything(), 5000)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, log, all[len(all)-1])
	for _, want := range []int64{2, 0} {
		if removed, err := log.Purge(t.Context()); removed != want || err != nil {
			t.Errorf("Purge = %d, %v, want %d", removed, err, want)
		}
	}
	now = begun.Add(366*24*time.Hour + eventlog.Retention)
	if removed, err := log.Purge(t.Context()); removed != future+1 || err != nil {
		t.Errorf("Purge = %d, %v, when the future is past; want %d", removed, err, future+1)
	}
}

// publish marks the shard of e as published up to e.
func publish(t *testing.T, log *sqlitelog.Log, e eventlog.Entry) {
	t.Helper()
	leases, _, err := log.Claim(t.Context(), "me", nil)
	if err != nil {
		t.Fatal(err)
	}
	lease := leases[eventlog.Shard(e.Subject)]
	if lost, err := log.SavePublished(t.Context(), []eventlog.Progress{{Shard: lease.Shard, Epoch: lease.Epoch, UpTo: e.Offset}}); len(lost) > 0 || err != nil {
		t.Fatal(lost, err)
	}
}
