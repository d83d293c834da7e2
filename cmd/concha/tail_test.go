package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/events"
)

// sse is an event as the stream has it.
func sse(n int) string {
	return fmt.Sprintf("id: c%d\nevent: %s\ndata: %s\n\n", n, feed[n].Type, structured(n, feed[n]))
}

// TestTailGoesOn breaks the connection in every way.
func TestTailGoesOn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := &script{answers: []http.HandlerFunc{
		says("retry: 1000\n\n"), // nothing came: from the beginning again
		says("retry: 1000\n\n" + sse(0) + sse(1) + strings.TrimSuffix(sse(2), "\n")), // the third is cut off
		fails(503, "stopping"),
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		fails(429, "slowly"),
		says(sse(2) + ": \nid: beat\n\n"),
		says(sse(3)),
		func(w http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() },
	}}
	var out, diagnostics bytes.Buffer
	follow := tail{
		source: server.start(t, "accounts"), since: begun, firstWait: time.Millisecond,
		printer: printer{out: &out, json: true}, diagnostics: &diagnostics,
	}
	if err := follow.run(ctx); err != nil {
		t.Error(err)
	}
	want := ""
	for n := range 4 {
		want += structured(n, feed[n]) + "\n"
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	from, again := "/v1/events/accounts?since=2026-11-23T16%3A00%3A00.123456Z", "/v1/events/accounts "
	if diff := cmp.Diff([]string{from, from, again + "c1", again + "c1", again + "c1", again + "c1", again + "beat", again + "c3"}, server.requests); diff != "" {
		t.Errorf("requests: -want +got:\n%s", diff)
	}
	for _, part := range []string{"again in 1ms", "again in 2ms", "again in 4ms", "503 Service Unavailable: stopping"} {
		if !strings.Contains(diagnostics.String(), part) {
			t.Errorf("it does not say %q: %s", part, &diagnostics)
		}
	}
}

func TestTailGivesUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answers []http.HandlerFunc
		want    string
	}{
		"never there": {[]http.HandlerFunc{fails(502, "no service")}, "502 Bad Gateway: no service"},
		"a bad cursor": {[]http.HandlerFunc{says(sse(0)), func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"detail":"it breaks rules","errors":[{"pointer":"after","detail":"must be a cursor"}]}`))
		}}, "400 Bad Request: it breaks rules; after must be a cursor"},
		"expired": {[]http.HandlerFunc{says(sse(0)), fails(410, "read the collection")}, "410 Gone: read the collection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := &script{answers: test.answers}
			var out bytes.Buffer
			follow := tail{source: server.start(t, "accounts"), since: begun, firstWait: time.Millisecond, printer: printer{out: &out}, diagnostics: &out}
			if err := follow.run(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
	var out bytes.Buffer
	nobody := tail{source: sourceOf(t, "http://localhost:1", "audios"), printer: printer{out: &out}, diagnostics: &out}
	if err := nobody.run(t.Context()); err == nil || !strings.Contains(err.Error(), "connect") {
		t.Errorf("a server that is not there: %v", err)
	}
}

// TestTailBeginsNow goes by the server's clock, and misses nothing if the first
// connection breaks at once.
func TestTailBeginsNow(t *testing.T) {
	t.Parallel()
	server := &script{answers: []http.HandlerFunc{
		says(`{"items":[{"id":1}]}`, cursorHeader, "now"),
		says("retry: 1000\n\n"),
		says(sse(0)),
		fails(404, "the end of this test"),
	}}
	var out, diagnostics bytes.Buffer
	follow := tail{source: server.start(t, "accounts"), firstWait: time.Millisecond, printer: printer{out: &out, json: true}, diagnostics: &diagnostics}
	if err := follow.run(t.Context()); err == nil {
		t.Error("it does not end")
	}
	if diff := cmp.Diff(structured(0, feed[0])+"\n", out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/v1/accounts?page_size=1", "/v1/events/accounts now", "/v1/events/accounts now", "/v1/events/accounts c0"}, server.requests); diff != "" {
		t.Errorf("requests: -want +got:\n%s", diff)
	}
}

func TestTailOfASubject(t *testing.T) {
	t.Parallel()
	server := &script{answers: []http.HandlerFunc{says(sse(0) + sse(1) + sse(2)), fails(404, "the end of this test")}}
	var out, diagnostics bytes.Buffer
	follow := tail{
		source: server.start(t, "accounts"), subject: "account/2", after: "c", firstWait: time.Millisecond,
		printer: printer{out: &out}, diagnostics: &diagnostics,
	}
	if err := follow.run(t.Context()); err == nil {
		t.Error("it does not end")
	}
	if got := out.String(); !strings.Contains(got, "account/2  v1") || strings.Count(got, "\n") != 1 {
		t.Errorf("printed: %s", got)
	}
	if got := server.requests; got[0] != "/v1/events/accounts c" || got[1] != "/v1/events/accounts c2" {
		t.Errorf("requests: %q", got)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	at := begun.Local().Format("2006-01-02 15:04:05.000")
	change, deleted, redacted, unknown := account(0, 123, 7), account(0, 123, 8), account(0, 123, 7), account(0, 123, 7)
	deleted.Type, deleted.Data = events.AccountDeletedV1, []byte(`{"id":123}`)
	redacted.Data = []byte(events.Redacted)
	unknown.Type, unknown.Data = "concha.account.merged.v2", []byte(`[]`)
	for name, test := range map[string]struct {
		event events.Event
		color bool
		want  string
	}{
		"updated":       {change, false, at + "  concha.account.updated.v1  account/123  v7  name email"},
		"deleted":       {deleted, false, at + "  concha.account.deleted.v1  account/123  v8"},
		"redacted":      {redacted, false, at + "  concha.account.updated.v1  account/123  v7  (redacted)"},
		"in colour":     {change, true, at + "  \x1b[33mconcha.account.updated.v1\x1b[0m  account/123  v7  name email"},
		"of a new type": {unknown, true, at + "  concha.account.merged.v2   account/123  v7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			e, err := parseEvent([]byte(structured(0, test.event)))
			if err != nil {
				t.Fatal(err)
			}
			if err := (printer{out: &out, color: test.color}).write(e); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != test.want+"\n" {
				t.Errorf("printed %q, want %q", got, test.want)
			}
		})
	}
}
