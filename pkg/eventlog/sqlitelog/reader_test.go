package sqlitelog_test

import (
	"context"
	"fmt"
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

// A log of which all that a follower has seen has been removed.
func TestReaderOfAPurgedLog(t *testing.T) {
	db := open(t)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	log := sqlitelog.New(db, func() time.Time { return now })
	appendEvents(t, db, log, "account/1", 0, 3)
	var follower eventlog.Position
	for range 4 { // it comes every month
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

// BenchmarkReader reads pages of 100 from the middle of the log, and
// histories, of logs of two sizes.
func BenchmarkReader(b *testing.B) {
	for _, size := range []int64{1_000, 1_000_000} {
		db, err := sqlitedb.Open(b.Context(), b.TempDir()+"/log.db", sqlitelog.Migrations())
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		log := sqlitelog.New(db, time.Now)
		const each = 200
		for n := range size / each {
			appendEvents(b, db, log, fmt.Sprint("account/", n), 0, each)
		}
		since := time.Now()
		middle, err := log.Page(b.Context(), eventlog.Position{Place: fmt.Sprintf("%d.0", size/2)}, 1)
		if err != nil {
			b.Fatal(err)
		}
		for what, read := range map[string]func() error{
			"page": func() error {
				p, err := log.Page(b.Context(), middle.Next, 100)
				if err == nil && len(p.Records) != 100 {
					err = fmt.Errorf("%d events", len(p.Records))
				}
				return err
			},
			"history": func() error {
				records, err := log.History(b.Context(), fmt.Sprint("account/", size/each/2), 50, 100)
				if err == nil && len(records) != 100 {
					err = fmt.Errorf("%d events", len(records))
				}
				return err
			},
			"head":  func() error { _, _, err := log.Head(b.Context(), middle.Next); return err },
			"since": func() error { _, err := log.Since(b.Context(), since.Add(-time.Second)); return err },
		} {
			b.Run(fmt.Sprintf("%s/of=%d", what, size), func(b *testing.B) {
				for b.Loop() {
					if err := read(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
