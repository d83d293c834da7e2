package main

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/eventstest"
)

func TestTheTableFollowsTheEvents(t *testing.T) {
	db, err := open(t.Context(), filepath.Join(t.TempDir(), "accounts.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	consumer := newConsumer(db)
	deliver := func(e events.Event) {
		t.Helper()
		if err := handle(t.Context(), consumer, e.Attributes(eventstest.Origin), e.Data); err != nil {
			t.Fatal(err)
		}
	}
	list := eventstest.Events() // created, updated, deleted
	created, updated, deleted := list[0], list[1], list[2]
	for _, step := range []struct {
		event events.Event
		rows  int
	}{{created, 1}, {created, 1}, {updated, 1}, {created, 1}, {deleted, 0}, {updated, 0}, {deleted, 0}} {
		deliver(step.event)
		if n := rows(t, db); n != step.rows {
			t.Errorf("%d rows after %s", n, step.event.ID())
		}
	}
	later := created
	later.Subject, later.Version, later.Type = "account/8", 5, events.AccountUpdatedV1
	later.Data = bytes.Replace(later.Data, []byte(`"id":4503599627370497`), []byte(`"id":8`), 1)
	deliver(later) // a gap
	later.Type = "concha.account.merged.v1"
	deliver(later) // skipped: a duplicate
	if n := rows(t, db); n != 1 {
		t.Errorf("%d rows after a gap", n)
	}
}

func rows(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM accounts").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
