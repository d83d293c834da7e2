package feed_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
)

func TestHistory(t *testing.T) {
	s := start(t)
	s.tell("account/1", 250)
	s.tell("account/2", 3)
	var got []string
	for target := "/v1/accounts/1/events"; target != ""; {
		p := s.page(target)
		if p.cursor != "" {
			t.Errorf("a history has the cursor %s", p.cursor)
		}
		got, target = append(got, p.ids...), p.next
	}
	if !slices.Equal(got, ids("account/1", 1, 250)) {
		t.Errorf("%d events in the history", len(got))
	}
	for target, want := range map[string][]string{
		"/v1/accounts/2/events":                         ids("account/2", 1, 3),
		"/v1/accounts/2/events?after_version=1":         ids("account/2", 2, 3),
		"/v1/accounts/2/events?after_version=1&limit=1": ids("account/2", 2, 2),
		"/v1/accounts/2/events?after_version=3":         nil,
		"/v1/accounts/77/events":                        nil,
		"/v1/accounts/77/events?after_version=3":        nil,
	} {
		if p := s.page(target); !slices.Equal(p.ids, want) {
			t.Errorf("%s: %v, want %v", target, p.ids, want)
		}
	}
	for _, target := range []string{"/v1/accounts/3/events", "/v1/accounts/3/events?after_version=3"} {
		if w := s.get(target); w.Code != http.StatusNotFound {
			t.Errorf("%s is answered %d %s", target, w.Code, w.Body)
		}
	}
}

// A caller that may use only its own resources reads the history of a resource
// that it owns now. It learns nothing of earlier resources of the same subject,
// of other actors, and of places in the log.
func TestHistoryOfAnOwner(t *testing.T) {
	s := start(t)
	add := func(subject string, version int64, data string) {
		s.add(events.Event{Type: events.AccountUpdatedV1, Subject: subject, Version: version, Data: []byte(data)})
	}
	for version := range int64(1500) { // an earlier life
		add("account/77", version+1, events.Redacted)
	}
	add("account/77", 1501, `{"id":77}`)
	add("account/77", 1502, `{"resource":{"owner":"key:ann"},"actor":"key:ann"}`)
	add("account/77", 1503, `{"resource":{"owner":"key:ann"},"later":1,"actor":"key:bob"}`)
	add("account/77", 1504, `{"resource":{"owner":"key:ann"},"actor":null}`)
	add("account/78", 1, events.Redacted)
	add("account/78", 2, `{"id":78}`)
	add("account/79", 1, `{"resource":{"owner":null}}`)

	get := func(owner, target string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(caller.With(t.Context(), &caller.Caller{ID: owner, Scopes: caller.AccountsOwn}), http.MethodGet, target, http.NoBody)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	for target, want := range map[string][]string{
		"/v1/accounts/77/events":                    {`{"resource":{"owner":"key:ann"},"actor":"key:ann"}`, `{"actor":null,"later":1,"resource":{"owner":"key:ann"}}`, `{"resource":{"owner":"key:ann"},"actor":null}`},
		"/v1/accounts/77/events?limit=1":            {`{"resource":{"owner":"key:ann"},"actor":"key:ann"}`},
		"/v1/accounts/77/events?after_version=1503": {`{"resource":{"owner":"key:ann"},"actor":null}`},
		"/v1/accounts/77/events?after_version=1504": {},
	} {
		w := get("key:ann", target)
		var batch []struct {
			Data   json.RawMessage
			Cursor string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &batch); err != nil {
			t.Fatalf("%s: %v: %s", target, err, w.Body)
		}
		got := []string{}
		for _, e := range batch {
			got = append(got, string(e.Data))
			if place, _ := base64.RawURLEncoding.DecodeString(e.Cursor); string(place) != "1 accounts -62135596800000000 " {
				t.Errorf("%s: a cursor of %q", target, place)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
		if more := strings.Contains(w.Header().Get("Link"), "after_version=1502"); more != strings.HasSuffix(target, "limit=1") {
			t.Errorf("%s: Link %q", target, w.Header().Get("Link"))
		}
	}
	for _, id := range []string{"76", "78", "79"} {
		if w := get("key:bob", "/v1/accounts/"+id+"/events"); w.Code != http.StatusNotFound {
			t.Errorf("the history of %s is answered %d %s", id, w.Code, w.Body)
		}
	}
}
