package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/events"
)

// begun is when the first event of a test was committed; each later one is a
// minute younger.
var begun = time.Date(2026, 11, 23, 16, 0, 0, 123456000, time.UTC)

const origin = "https://api.example.com"

func account(n int, id, version int64) events.Event {
	return events.Event{
		Type: events.AccountUpdatedV1, Subject: fmt.Sprint("account/", id), Version: version,
		Time: begun.Add(time.Duration(n) * time.Minute), Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		Data: json.RawMessage(fmt.Sprintf(`{"resource":{"id":%d,"name":"<a>","version":%d},"changed_fields":["name","email"],"request_id":"r"}`, id, version)),
	}
}

// structured returns an event as the feed gives it, with "c<n>" as its cursor.
func structured(n int, e events.Event) string {
	members := map[string]string{"cursor": fmt.Sprint("c", n), "datacontenttype": events.ContentType}
	for name, value := range e.Attributes(origin) {
		if attribute, ok := strings.CutPrefix(name, "ce-"); ok {
			members[attribute] = value
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		panic(err) // of strings
	}
	return strings.TrimSuffix(string(text), "}") + `,"data":` + string(e.Data) + "}"
}

// script is a server that answers each request as a test says, and notes it.
type script struct {
	mu       sync.Mutex
	requests []string // URI and, if there is one, Last-Event-ID
	answers  []http.HandlerFunc
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	request := r.URL.RequestURI()
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		request += " " + id
	}
	s.requests = append(s.requests, request)
	answer := http.NotFound
	if len(s.answers) > 0 {
		answer, s.answers = s.answers[0], s.answers[1:]
	}
	s.mu.Unlock()
	answer(w, r)
}

func (s *script) start(t *testing.T, collection string) source {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return sourceOf(t, server.URL, collection)
}

func sourceOf(t *testing.T, origin, collection string) source {
	t.Helper()
	s, err := newSource(server{origin: origin}, collection)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func says(text string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		_, _ = w.Write([]byte(text))
	}
}

func fails(status int, detail string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"title":"t","detail":%q}`, detail)
	}
}

// batch is a page of the events of these numbers.
func batch(all []events.Event, numbers ...int) http.HandlerFunc {
	var page []string
	for _, n := range numbers {
		page = append(page, structured(n, all[n]))
	}
	return says("[" + strings.Join(page, ",") + "]")
}

// topic records published messages, and refuses the call with the given number.
type topic struct {
	calls, refused int
	messages       []bus.Message
}

func (p *topic) Publish(_ context.Context, msgs []bus.Message) error {
	p.calls++
	if p.calls == p.refused {
		return bus.ErrUnavailable
	}
	p.messages = append(p.messages, msgs...)
	return nil
}

// Each command sends the credential of its settings.
func TestCredential(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"wipe accounts", "demo", "events tail accounts", "events snapshot audios"} {
		sent := make(chan string, 100)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent <- r.Header.Get("Authorization")
			fails(http.StatusForbidden, "no")(w, r)
		}))
		root := newRoot(config{Token: "secret"})
		root.SetOut(io.Discard)
		root.SetArgs(append(strings.Fields(command), "--url", server.URL))
		if err := root.ExecuteContext(t.Context()); err == nil {
			t.Errorf("%s succeeds though it is forbidden", command)
		}
		server.Close()
		if got := <-sent; got != "Bearer secret" {
			t.Errorf("%s sends the credential %q", command, got)
		}
	}
}
