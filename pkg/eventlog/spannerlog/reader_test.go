//go:build cloud

package spannerlog_test

import (
	"slices"
	"testing"

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

// Each read costs one call, whatever it returns, except for the first of a process.
func TestReaderCalls(t *testing.T) {
	var calls spannerdbtest.Calls
	migrations := []spannerdb.Migrations{spannerlog.Migrations()}
	name := spannerdbtest.New(t, migrations...)
	writer := spannerdbtest.Open(t, name, migrations)
	written := spannerlog.New(writer)
	log := spannerlog.New(spannerdbtest.Open(t, name, migrations, calls.Options()...))
	read := func(what string, do func() error, want ...string) {
		t.Helper()
		calls.Take()
		if err := do(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := calls.Take(); !slices.Equal(got, want) {
			t.Errorf("%s makes the calls %q, want %q", what, got, want)
		}
	}
	if _, _, err := log.Head(t.Context(), eventlog.Position{}); err != nil { // the first read also reads the number of shards
		t.Fatal(err)
	}
	for _, subject := range []string{"account/1", "account/2", "account/3"} { // the first read finds an empty log
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
