package events_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/eventstest"
)

// published is a message as an earlier version of the package published it.
type published struct {
	Attributes map[string]string `json:"attributes"`
	Data       json.RawMessage   `json:"data"`
}

func golden(t *testing.T, eventType string) published {
	t.Helper()
	text, err := os.ReadFile("eventstest/testdata/" + eventType + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var m published
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// structured returns m in the CloudEvents JSON format, with the extension
// attributes of the feed.
func structured(t *testing.T, m published) []byte {
	t.Helper()
	object := map[string]any{"datacontenttype": "application/json", "cursor": "c", "data": m.Data, "later": 5}
	for name, value := range m.Attributes {
		object[strings.TrimPrefix(name, "ce-")] = value
	}
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// typed returns the expected result of decoding e.
func typed[P any](t *testing.T, e events.Event, wrap func(events.Event, P) events.Decoded) events.Decoded {
	t.Helper()
	var payload P
	if err := json.Unmarshal(e.Data, &payload); err != nil {
		t.Fatal(err)
	}
	return wrap(e, payload)
}

func want(t *testing.T, e events.Event) events.Decoded {
	t.Helper()
	switch e.Type {
	case events.AccountCreatedV1, events.AccountUpdatedV1:
		return typed(t, e, func(e events.Event, p events.Change[events.Account]) events.Decoded {
			return events.AccountChanged{Event: e, Change: p}
		})
	case events.AccountDeletedV1:
		return typed(t, e, func(e events.Event, p events.AccountKey) events.Decoded {
			return events.AccountDeleted{Event: e, Key: p}
		})
	case events.AudioCreatedV1, events.AudioUpdatedV1:
		return typed(t, e, func(e events.Event, p events.Change[events.Audio]) events.Decoded {
			return events.AudioChanged{Event: e, Change: p}
		})
	default:
		return typed(t, e, func(e events.Event, p events.AudioKey) events.Decoded {
			return events.AudioDeleted{Event: e, Key: p}
		})
	}
}

// ignoreData ignores the text of the payload, whose formatting may differ.
var ignoreData = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Data" }, cmp.Ignore())

func TestEveryPublishedEventIsDecoded(t *testing.T) {
	for _, e := range eventstest.Events() {
		m := golden(t, e.Type)
		for name, decode := range map[string]func() (events.Decoded, error){
			"binary":     func() (events.Decoded, error) { return events.Decode(m.Attributes, m.Data) },
			"structured": func() (events.Decoded, error) { return events.DecodeJSON(structured(t, m)) },
		} {
			got, err := decode()
			if err != nil {
				t.Errorf("%s %s: %v", name, e.Type, err)
				continue
			}
			if diff := cmp.Diff(want(t, e), got, ignoreData); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", name, e.Type, diff)
			}
			if !json.Valid(got.Envelope().Data) {
				t.Errorf("%s %s: data %q", name, e.Type, got.Envelope().Data)
			}
		}
	}
}

func TestBothModesAreOne(t *testing.T) {
	for _, e := range eventstest.Events() {
		e.Type += "9" // a type that is not known
		attributes := e.Attributes(eventstest.Origin)
		members := map[string]any{"data": e.Data, "datacontenttype": events.ContentType, "cursor": "c", "other": 7}
		for name, value := range attributes {
			if attribute, ok := strings.CutPrefix(name, "ce-"); ok {
				members[attribute] = value
			}
		}
		text, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		got, data, err := events.Binary(text)
		attributes["ce-cursor"], attributes["ce-other"] = "c", "7"
		if diff := cmp.Diff(attributes, got); diff != "" || err != nil {
			t.Errorf("%s: %v, -want +got:\n%s", e.ID(), err, diff)
		}
		if !jsonEqual(e.Data, data) {
			t.Errorf("%s: the data is %s, want %s", e.ID(), data, e.Data)
		}
	}
}

func jsonEqual(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && cmp.Equal(x, y)
}

func TestARedactedPayloadIsARedaction(t *testing.T) {
	for _, e := range eventstest.Events() {
		eventType := e.Type
		m := golden(t, eventType)
		got, err := events.Decode(m.Attributes, []byte(events.Redacted))
		if _, ok := got.(events.Redaction); !ok || err != nil {
			t.Errorf("%s: %T, %v", eventType, got, err)
			continue
		}
		if id := got.Envelope().ID(); id != m.Attributes["ce-id"] {
			t.Errorf("%s: the id is %s", eventType, id)
		}
	}
}

func TestWhatIsNotKnownIsIgnored(t *testing.T) {
	m := golden(t, events.AccountUpdatedV1)
	m.Attributes["ce-later"], m.Attributes["googclient_x"] = "x", "y"
	data := strings.Replace(string(m.Data), `"resource": {`, `"later": [1], "resource": {"later": {"a": 1},`, 1)
	got, err := events.Decode(m.Attributes, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	if change, ok := got.(events.AccountChanged); !ok || change.Resource.Email != "zoe@example.com" || change.RequestID != "req-2" {
		t.Errorf("got %#v", got)
	}
}

func TestATypeThatIsNotKnownIsToldSo(t *testing.T) {
	for _, eventType := range []string{"concha.account.created.v2", "concha.account.merged.v1", "concha.Account.created.v1", "other", ""} {
		m := golden(t, events.AccountCreatedV1)
		m.Attributes["ce-type"] = eventType
		for name, decode := range map[string]func() (events.Decoded, error){
			"binary":     func() (events.Decoded, error) { return events.Decode(m.Attributes, []byte("no JSON")) },
			"structured": func() (events.Decoded, error) { return events.DecodeJSON(structured(t, m)) },
		} {
			_, err := decode()
			unknown, ok := errors.AsType[*events.UnknownTypeError](err)
			if !ok || unknown.Type != eventType || unknown.ID != m.Attributes["ce-id"] || errors.Is(err, events.ErrMalformed) {
				t.Errorf("%s %q: %v", name, eventType, err)
			}
		}
	}
}

func TestMalformedEvents(t *testing.T) {
	for name, broken := range map[string]struct {
		attribute, value string
		data             string
	}{
		"another version of CloudEvents": {attribute: "ce-specversion", value: "0.3"},
		"no subject":                     {attribute: "ce-subject"},
		"a subject without an id":        {attribute: "ce-subject", value: "account/"},
		"a subject of another kind":      {attribute: "ce-subject", value: "audio/1"},
		"no version":                     {attribute: "ce-resourceversion"},
		"version zero":                   {attribute: "ce-resourceversion", value: "0"},
		"a version that is no number":    {attribute: "ce-resourceversion", value: "1.5"},
		"no time":                        {attribute: "ce-time"},
		"no data":                        {data: " "},
		"data that is no JSON":           {data: "{"},
		"data that is no object":         {data: `[1]`},
		"no resource":                    {data: `{"changed_fields": []}`},
		"a null resource":                {data: `{"resource": null}`},
		"null":                           {data: `null`},
		"another resource":               {data: `{"resource": {"id": 1}}`},
		"a resource without its id":      {data: `{"resource": {"name": "a"}}`},
		"a member of another type":       {data: `{"resource": {"id": "1"}}`},
	} {
		m := golden(t, events.AccountCreatedV1)
		if broken.attribute != "" {
			m.Attributes = maps.Clone(m.Attributes)
			m.Attributes[broken.attribute] = broken.value
		}
		if broken.data != "" {
			m.Data = json.RawMessage(broken.data)
		}
		if d, err := events.Decode(m.Attributes, m.Data); !errors.Is(err, events.ErrMalformed) {
			t.Errorf("%s: %v, %v", name, d, err)
		}
	}
	for _, data := range []string{"null", "[]", "{", "{}", `{"id": 1}`, `{"id": "4503599627370497"}`} {
		if _, err := events.Decode(golden(t, events.AccountDeletedV1).Attributes, []byte(data)); !errors.Is(err, events.ErrMalformed) {
			t.Errorf("a deletion of %s: %v", data, err)
		}
	}
	for _, text := range []string{"", "[]", "{"} {
		if _, err := events.DecodeJSON([]byte(text)); !errors.Is(err, events.ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzDecodeJSON(f *testing.F) {
	for _, e := range eventstest.Events() {
		f.Add(fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"type":%q,"subject":%q,"time":"2026-03-14T09:26:53Z","resourceversion":%d,"data":%s}`,
			e.ID(), e.Type, e.Subject, e.Version, e.Data))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := events.DecodeJSON(text)
		_, unknown := errors.AsType[*events.UnknownTypeError](err)
		if (d == nil) == (err == nil) || err != nil && !unknown && !errors.Is(err, events.ErrMalformed) {
			t.Errorf("%s: %v, %v", text, d, err)
		}
		if d != nil && d.Envelope().Version < 1 {
			t.Errorf("%s: %v", text, d)
		}
	})
}
