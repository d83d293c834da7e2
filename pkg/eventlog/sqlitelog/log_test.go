package sqlitelog_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

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

func TestLog(t *testing.T) {
	db := open(t)
	log := sqlitelog.New(db, time.Now)
	write := func(ctx context.Context, do func(eventlogtest.Tx) error) error {
		return db.Write(ctx, func(t *sqlitedb.Tx) error { return do(tx{log, t}) })
	}
	eventlogtest.Run(t, eventlogtest.Backend{Log: log, Write: write, Elsewhere: write})
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
		left, err := log.Read(t.Context(), 0, "", 5000)
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

	left := purge(0) // none is published
	if len(left) != old+1 {
		t.Fatalf("%d events left, want all", len(left))
	}
	if err := log.SavePublished(t.Context(), 0, left[old].Cursor); err != nil {
		t.Fatal(err)
	}
	if left := purge(old); len(left) != 1 || left[0].Subject != "account/young" {
		t.Errorf("%d events left, want the one that is not old enough", len(left))
	}
}
