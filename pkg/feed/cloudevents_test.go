package feed_test

import (
	"encoding/json"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/eventstest"
)

func TestEventsAreCloudEvents(t *testing.T) {
	s := start(t)
	s.tell("account/1", 1)
	got := s.page("/v1/events/accounts").events[0]
	want := cloudEvent{
		SpecVersion: "1.0", ID: "account/1/1", Source: "/accounts", Subject: "account/1", Type: events.AccountUpdatedV1,
		Time: s.now.UTC().Format(events.TimeLayout), DataSchema: "http://example.com/schemas/concha.account.updated.v1.json", DataContentType: "application/json",
		PartitionKey: "account/1", ResourceVersion: "1", Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		Cursor: got.Cursor, Data: json.RawMessage(`{"resource":{"name":"<Ü>"}}`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTextOfEventsIsTheSameEachTime(t *testing.T) {
	s := start(t)
	s.tell("account/1", 10)
	if first, again := s.get("/v1/events/accounts").Body.String(), s.get("/v1/events/accounts").Body.String(); first != again {
		t.Errorf("first:\n%s\nagain:\n%s", first, again)
	}
}

// The official SDK accepts every event of a feed and of a history. Streams have
// the same events.
func TestEventsAreValid(t *testing.T) {
	s := start(t)
	for _, e := range eventstest.Events() {
		s.add(e)
	}
	check := func(from string, raw []byte) {
		t.Helper()
		var e event.Event
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatalf("%s: %v: %s", from, err, raw)
		}
		if err := e.Validate(); err != nil {
			t.Errorf("%s: %s: %v", from, e.ID(), err)
		}
		if want := "http://example.com/schemas/" + e.Type() + ".json"; e.DataSchema() != want {
			t.Errorf("%s: %s has the schema %s, want %s", from, e.ID(), e.DataSchema(), want)
		}
	}
	for target, want := range map[string]int{"/v1/events/accounts": 6, "/v1/accounts/4503599627370497/events": 3} {
		var batch []json.RawMessage
		if err := json.Unmarshal(s.get(target).Body.Bytes(), &batch); err != nil {
			t.Fatal(err)
		}
		if len(batch) != want {
			t.Errorf("%s has %d events, want %d", target, len(batch), want)
		}
		for _, raw := range batch {
			check(target, raw)
		}
	}
}
