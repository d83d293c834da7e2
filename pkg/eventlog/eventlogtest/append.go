package eventlogtest

import (
	"cmp"
	"errors"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
)

func testRoundTrip(t *testing.T, b Backend) {
	s := subject(t)
	one, two := event(s, 1), event(s, 2)
	two.Traceparent, two.Type, two.Data = "", events.AccountDeletedV1, []byte(`{}`)
	begin := time.Now()
	appendAll(t, b.Write, one)
	appendAll(t, b.Write, two)
	all := read(t, b, eventlog.Shard(s), "", 100)
	wantTold(t, all, s, one, two)
	for _, e := range all {
		if age := e.Time.Sub(begin); e.Subject == s && (age < -time.Minute || age > time.Minute || e.Time.Location() != time.UTC) {
			t.Errorf("event %s has the time %v, want about %v, in UTC", e.ID(), e.Time, begin)
		}
	}
	for shard := range eventlog.Shards {
		if shard != eventlog.Shard(s) {
			wantTold(t, read(t, b, shard, "", 100), s)
		}
	}
}

func testLimit(t *testing.T, b Backend) {
	s := subject(t)
	after := end(t, b, eventlog.Shard(s))
	var want []events.Event
	for version := range int64(7) {
		want = append(want, event(s, version+1))
		appendAll(t, b.Write, event(s, version+1))
	}
	for _, limit := range []int{1, 2, 7, 8} {
		wantTold(t, read(t, b, eventlog.Shard(s), after, limit), s, want...)
	}
	if rest := read(t, b, eventlog.Shard(s), end(t, b, eventlog.Shard(s)), 10); len(rest) > 0 {
		t.Errorf("after the last event comes %s", rest[0].ID())
	}
}

func testOneTransaction(t *testing.T, b Backend) {
	s := subject(t)
	var want []events.Event
	for version := int64(8); version <= 12; version++ { // 9 sorts before 10 as a number, not as text
		want = append(want, event(s, version))
	}
	appendAll(t, b.Write, want...)
	wantTold(t, read(t, b, eventlog.Shard(s), "", 3), s, want...)
}

var errRefused = errors.New("refused")

func testRollback(t *testing.T, b Backend) {
	s := subject(t)
	err := b.Write(t.Context(), func(tx Tx) error { return cmp.Or(tx.Append(event(s, 1)), errRefused) })
	if !errors.Is(err, errRefused) {
		t.Fatalf("Write = %v, want its function's error", err)
	}
	wantTold(t, read(t, b, eventlog.Shard(s), "", 100), s)
}

func testVersionOnce(t *testing.T, b Backend) {
	s := subject(t)
	appendAll(t, b.Write, event(s, 1))
	if err := b.Write(t.Context(), func(tx Tx) error { return tx.Append(event(s, 1)) }); err == nil {
		t.Error("the same version was appended twice")
	}
	wantTold(t, read(t, b, eventlog.Shard(s), "", 100), s, event(s, 1))
}

func testRedact(t *testing.T, b Backend) {
	s, neighbour := subject(t), subject(t)+"0"
	after := end(t, b, eventlog.Shard(s))
	appendAll(t, b.Write, event(s, 1), event(neighbour, 1))
	appendAll(t, b.Write, event(s, 2))
	before := read(t, b, eventlog.Shard(s), after, 100)
	deleted := event(s, 3)
	deleted.Type = events.AccountDeletedV1
	if err := b.Write(t.Context(), func(tx Tx) error {
		return cmp.Or(tx.Redact(s), tx.Append(deleted))
	}); err != nil {
		t.Fatalf("Redact: %v", err)
	}
	redacted := func(e events.Event) events.Event {
		e.Data = []byte(events.Redacted)
		return e
	}
	all := read(t, b, eventlog.Shard(s), after, 100)
	wantTold(t, all, s, redacted(event(s, 1)), redacted(event(s, 2)), deleted)
	wantTold(t, read(t, b, eventlog.Shard(neighbour), "", 100), neighbour, event(neighbour, 1))
	for i, e := range before {
		if all[i].Offset != e.Offset || !all[i].Time.Equal(e.Time) {
			t.Errorf("event %s was at %q, %v and is at %q, %v", e.ID(), e.Offset, e.Time, all[i].Offset, all[i].Time)
		}
	}
}
