package accountsapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/eventstest"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/services/audios/internal/adapters/accountsapi"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// structured returns an event as the feed has it.
func structured(t *testing.T, e events.Event, cursor string) string {
	t.Helper()
	members := map[string]any{"cursor": cursor, "datacontenttype": "application/json", "data": e.Data}
	for name, value := range e.Attributes("http://localhost") {
		if attribute, ok := strings.CutPrefix(name, "ce-"); ok {
			members[attribute] = value
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Only the events that the service reacts to are returned. The API key is read for
// each request.
func TestEvents(t *testing.T) {
	tokenFile := filepath.Join(t.TempDir(), "token")
	var asked []string
	var batch []string
	origin := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.URL.Query().Get("after")+" "+r.Header.Get("Authorization"))
		w.Header().Set("Concha-Feed-Cursor", "next")
		_, _ = fmt.Fprintf(w, "[%s]", strings.Join(batch, ","))
	})
	var want []app.AccountEvent
	for i, e := range eventstest.Events() {
		cursor := fmt.Sprint(i)
		batch = append(batch, structured(t, e, cursor))
		switch e.Type {
		case events.AccountCreatedV1:
			want = append(want, app.AccountEvent{Cursor: cursor, Time: e.Time, AccountID: 4503599627370497, Owner: "https://issuer.example.com|zoe", Traceparent: e.Traceparent})
		case events.AccountDeletedV1:
			want = append(want, app.AccountEvent{Cursor: cursor, Time: e.Time, AccountID: 4503599627370497, Deleted: true, Traceparent: e.Traceparent})
		}
	}
	redacted := events.Event{Type: events.AccountCreatedV1, Subject: "account/6", Version: 1, Data: []byte(events.Redacted)}
	batch = append(batch, structured(t, redacted, "9"), `{"type":"concha.account.created.v1","data":{"resource":{"owner":null}}}`, `{"type":"concha.account.deleted.v2"}`, `{"type":"concha.account.deleted.v1"}`, `7`)

	client := accountsapi.New(origin, tokenFile, http.DefaultTransport)
	for i, cursor := range []string{"", "here"} {
		if err := os.WriteFile(tokenFile, fmt.Appendf(nil, "key%d\n", i), 0o600); err != nil {
			t.Fatal(err)
		}
		page, err := client.Events(t.Context(), cursor)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(app.AccountEvents{Events: want, Next: "next"}, page); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff([]string{"/v1/events/accounts  Bearer key0", "/v1/events/accounts here Bearer key1"}, asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// A page that is full is followed by another one.
func TestFullPage(t *testing.T) {
	origin := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscan(r.URL.Query().Get("limit"), &n)
		w.Header().Set("Concha-Feed-Cursor", "next")
		_, _ = fmt.Fprintf(w, "[%s{}]", strings.Repeat("{},", n-1))
	})
	page, err := accountsapi.New(origin, "", http.DefaultTransport).Events(t.Context(), "")
	if err != nil || !page.More || len(page.Events) != 0 {
		t.Errorf("Events = %d events, more %v, %v", len(page.Events), page.More, err)
	}
}

func TestExisting(t *testing.T) {
	origin := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch query := r.URL.Query(); {
		case r.URL.Path != "/v1/accounts" || query.Get("ids") != "5,6,7" || r.Header["Authorization"] != nil:
			t.Errorf("unexpected request %v %v", r.URL, r.Header)
		case query.Get("page_token") == "":
			_, _ = fmt.Fprint(w, `{"items":[{"id":5}],"next_page_token":"t"}`) // a page may end early
		default:
			_, _ = fmt.Fprint(w, `{"items":[{"id":7}],"next_page_token":null}`)
		}
	})
	existing, err := accountsapi.New(origin, "", http.DefaultTransport).Existing(t.Context(), []int64{5, 6, 7})
	if diff := cmp.Diff([]int64{5, 7}, existing); err != nil || diff != "" {
		t.Errorf("Existing: %v (-want +got):\n%s", err, diff)
	}
}

func TestFailures(t *testing.T) {
	answer := func(status int, body string) string {
		return serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, body)
		})
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, c := range map[string]struct{ origin, token, mentions string }{
		"not reachable":   {closed.URL, "", "refused"},
		"no permission":   {answer(403, "{}"), "", "events:read"},
		"an outage":       {answer(503, "{}"), "", "503"},
		"not JSON":        {answer(200, "<html>"), "", "JSON"},
		"not the feed":    {answer(200, "[]"), "", "Concha-Feed-Cursor"},
		"no file of keys": {answer(200, "[]"), "/no/such/file", "CONCHA_ACCOUNTS_TOKEN_FILE"},
	} {
		_, err := accountsapi.New(c.origin, c.token, http.DefaultTransport).Events(t.Context(), "")
		if err == nil || !strings.Contains(err.Error(), c.mentions) || c.token == "" && fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: Events = %v, want an outage that mentions %s", name, err, c.mentions)
		}
	}
	if _, err := accountsapi.New(answer(410, "{}"), "", http.DefaultTransport).Events(t.Context(), "c"); !errors.Is(err, app.ErrCursorExpired) {
		t.Errorf("Events = %v, want ErrCursorExpired", err)
	}
}
