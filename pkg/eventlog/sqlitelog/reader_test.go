package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

func readerBackend(t *testing.T) eventlogtest.ReaderBackend {
	db := open(t)
	log := sqlitelog.New(db, time.Now)
	write := func(ctx context.Context, do func(eventlogtest.Tx) error) error {
		return db.Write(ctx, func(t *sqlitedb.Tx) error { return do(tx{log, t}) })
	}
	return eventlogtest.ReaderBackend{Reader: log, Write: write, Elsewhere: write, Anew: readerBackend}
}

func TestReader(t *testing.T) {
	eventlogtest.RunReader(t, readerBackend(t))
}

// All events that a follower has read are deleted.
func TestReaderOfAPurgedLog(t *testing.T) {
	db := open(t)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	log := sqlitelog.New(db, func() time.Time { return now })
	appendEvents(t, db, log, "account/1", 0, 3)
	var follower eventlog.Position
	for range 4 { // the follower returns once a month
		p, err := log.Page(t.Context(), follower, 10)
		if err != nil {
			t.Fatal(err)
		}
		follower = p.Next
		now = now.Add(31 * 24 * time.Hour)
	}
	entries, err := log.Read(t.Context(), everything(), 10)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, log, entries[len(entries)-1])
	if removed, err := log.Purge(t.Context()); removed != 3 || err != nil {
		t.Fatalf("Purge = %d, %v", removed, err)
	}
	head, moved, err := log.Head(t.Context(), follower)
	if moved || err != nil {
		t.Errorf("Head = moved %t, %v", moved, err)
	}
	appendEvents(t, db, log, "account/1", 3, 2)
	for _, after := range []eventlog.Position{follower, head, {}} {
		p, err := log.Page(t.Context(), after, 10)
		if err != nil || len(p.Records) != 2 || p.Records[0].ID() != "account/1/4" {
			t.Errorf("Page = %v, %v; want versions 4 and 5", p.Records, err)
		}
	}
}

func appendEvents(t testing.TB, db *sqlitedb.DB, log *sqlitelog.Log, subject string, after, n int64) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
		for version := after + 1; version <= after+n; version++ {
			if err := log.Append(tx, events.Event{
				Subject: subject, Version: version, Type: events.AccountUpdatedV1,
				Data: fmt.Appendf(nil, `{"resource":{"id":1,"name":%q},"changed_fields":["name"],"request_id":"r"}`, strings.Repeat("n", 300)),
			}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// An index in the right order serves every statement that reads the log. None
// reads the whole log or sorts.
func TestPlans(t *testing.T) {
	db := open(t)
	for what, statement := range sqlitelog.Statements {
		rows, err := db.Query(t.Context(), "EXPLAIN QUERY PLAN "+statement, make([]any, strings.Count(statement, "?"))...)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			// The head is the first row of a scan from the end.
			if strings.HasPrefix(detail, "SCAN event_log") && what != "head" || strings.Contains(detail, "TEMP B-TREE") {
				t.Errorf("%s: %s", what, detail)
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkReader compares reads of a log of a million events with reads of a
// log of a thousand: a page of 100 and a part of a history in its middle, a
// read of the relay for all shards, the head, and a time. It alternates between
// both logs.
func BenchmarkReader(b *testing.B) {
	small, large := readsOf(b, 1_000), readsOf(b, 1_000_000)
	for what, read := range small {
		b.Run(what, func(b *testing.B) {
			var took [2]time.Duration
			for b.Loop() {
				for i, read := range []func() error{read, large[what]} {
					begun := time.Now()
					if err := read(); err != nil {
						b.Fatal(err)
					}
					took[i] += time.Since(begun)
				}
			}
			b.ReportMetric(float64(took[1])/float64(took[0]), "1e6/1e3")
		})
	}
}

// readsOf returns the reads of a log of that size.
func readsOf(b *testing.B, size int64) map[string]func() error {
	b.Helper()
	db, err := sqlitedb.Open(b.Context(), b.TempDir()+"/log.db", sqlitelog.Migrations())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	log := sqlitelog.New(db, time.Now)
	const each, limit = 200, 100
	for n := range size / each {
		appendEvents(b, db, log, fmt.Sprint("account/", n), 0, each)
	}
	middle, err := log.Page(b.Context(), eventlog.Position{Place: fmt.Sprintf("%d.0", size/2)}, 1)
	if err != nil {
		b.Fatal(err)
	}
	var shards []eventlog.ShardOffset
	for shard := range eventlog.Shards {
		shards = append(shards, eventlog.ShardOffset{Shard: shard, After: eventlog.Offset(strconv.FormatInt(size/2, 10))})
	}
	since := time.Now().Add(-time.Second)
	all := func(n int, err error) error {
		if err == nil && n != limit {
			err = fmt.Errorf("%d events", n)
		}
		return err
	}
	return map[string]func() error{
		"page": func() error {
			p, err := log.Page(b.Context(), middle.Next, limit)
			return all(len(p.Records), err)
		},
		"history": func() error {
			records, err := log.History(b.Context(), fmt.Sprint("account/", size/each/2), 50, limit)
			return all(len(records), err)
		},
		"relay": func() error {
			entries, err := log.Read(b.Context(), shards, limit)
			return all(len(entries), err)
		},
		"head":  func() error { _, _, err := log.Head(b.Context(), middle.Next); return err },
		"since": func() error { _, err := log.Since(b.Context(), since); return err },
	}
}
