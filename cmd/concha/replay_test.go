package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/events"
)

// TestReplayIsStopped stops a replay as Ctrl-C does: it prints the cursor from
// which to continue.
func TestReplayIsStopped(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancelCause(t.Context())
	server := &script{answers: []http.HandlerFunc{
		batch(feed, 0, 1),
		func(_ http.ResponseWriter, r *http.Request) { stop(errors.New("interrupt")); <-r.Context().Done() },
	}}
	r := replay{
		source: server.start(t, "accounts"), publisher: new(topic), from: begun, to: feed[4].Time,
		progress: newProgress(io.Discard),
	}
	want := "interrupt\n2 events are published, and maybe some behind them; go on with --after c1 --to 2026-11-23T16:04:00.123456Z and without --from"
	if err := r.run(ctx); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

var feed = []events.Event{account(0, 1, 1), account(1, 2, 1), account(2, 1, 2), account(3, 2, 2), account(4, 1, 3)}

func TestReplay(t *testing.T) {
	t.Parallel()
	at := func(n int) time.Time { return feed[n].Time }
	for name, test := range map[string]struct {
		replay   replay
		answers  []http.HandlerFunc
		requests []string
		want     []int
		err      []string // parts of the error
	}{
		"to the end of the feed": {
			replay:  replay{from: at(0), to: at(4).Add(1)},
			answers: []http.HandlerFunc{batch(feed, 0, 1), batch(feed, 2, 3), batch(feed, 4), batch(feed)},
			requests: []string{
				"/v1/events/accounts?since=2026-11-23T16%3A00%3A00.123456Z&limit=1000", "/v1/events/accounts?after=c1&limit=1000",
				"/v1/events/accounts?after=c3&limit=1000", "/v1/events/accounts?after=c4&limit=1000",
			},
			want: []int{0, 1, 2, 3, 4},
		},
		"a part of a page": {
			replay:   replay{from: at(1), to: at(3)},
			answers:  []http.HandlerFunc{batch(feed, 0, 1, 2, 3, 4)},
			requests: []string{"/v1/events/accounts?since=2026-11-23T16%3A01%3A00.123456Z&limit=1000"},
			want:     []int{1, 2},
		},
		"a history": {
			replay:   replay{from: at(0).Add(1), to: at(4).Add(1), subject: "account/1"},
			answers:  []http.HandlerFunc{batch(feed, 0, 2), batch(feed, 4), batch(feed)},
			requests: []string{"/v1/accounts/1/events?limit=1000", "/v1/accounts/1/events?after_version=2&limit=1000", "/v1/accounts/1/events?after_version=3&limit=1000"},
			want:     []int{2, 4},
		},
		"going on": {
			replay:   replay{after: "c1", to: at(4)},
			answers:  []http.HandlerFunc{batch(feed, 2, 3, 4)},
			requests: []string{"/v1/events/accounts?after=c1&limit=1000"},
			want:     []int{2, 3},
		},
		"going on with a subject": {
			replay:   replay{after: "c0", to: at(4).Add(1), subject: "account/1"},
			answers:  []http.HandlerFunc{batch(feed, 1, 2, 3), batch(feed, 4), batch(feed)},
			requests: []string{"/v1/events/accounts?after=c0&limit=1000", "/v1/events/accounts?after=c3&limit=1000", "/v1/events/accounts?after=c4&limit=1000"},
			want:     []int{2, 4},
		},
		"the broker fails": {
			replay:   replay{from: at(0), to: at(4).Add(1), publisher: &topic{refused: 2}},
			answers:  []http.HandlerFunc{batch(feed, 0, 1), batch(feed, 2, 3)},
			requests: []string{"/v1/events/accounts?since=2026-11-23T16%3A00%3A00.123456Z&limit=1000", "/v1/events/accounts?after=c1&limit=1000"},
			want:     []int{0, 1},
			err:      []string{"broker cannot be reached", "2 events are published", "--after c1 --to 2026-11-23T16:04:00.123456001Z"},
		},
		"the server fails": {
			replay:   replay{from: at(0), to: at(4).Add(1)},
			answers:  []http.HandlerFunc{batch(feed, 0), fails(503, "the database is down")},
			requests: []string{"/v1/events/accounts?since=2026-11-23T16%3A00%3A00.123456Z&limit=1000", "/v1/events/accounts?after=c0&limit=1000"},
			want:     []int{0},
			err:      []string{"503", "the database is down", "1 events are published", "--after c0"},
		},
		"nothing works": {
			replay:   replay{from: at(0), to: at(4), subject: "account/1"},
			answers:  []http.HandlerFunc{fails(404, "there is no such account")},
			requests: []string{"/v1/accounts/1/events?limit=1000"},
			err:      []string{"404", "there is no such account", "0 events are published", "run it again"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := &script{answers: test.answers}
			r, out, told := test.replay, new(topic), new(bytes.Buffer)
			if given, ok := r.publisher.(*topic); ok {
				out = given
			}
			r.source, r.publisher, r.progress = server.start(t, "accounts"), out, &progress{out: told}
			err := r.run(t.Context())
			if (err != nil) != (test.err != nil) {
				t.Fatal(err)
			}
			for _, part := range test.err {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error lacks %q: %v", part, err)
				}
			}
			if diff := cmp.Diff(test.requests, server.requests); diff != "" {
				t.Errorf("requests: -want +got:\n%s", diff)
			}
			var want []bus.Message
			for _, n := range test.want {
				attributes := feed[n].Attributes(origin)
				attributes["ce-replayed"] = "true"
				want = append(want, bus.Message{OrderingKey: feed[n].Subject, Attributes: attributes, Data: feed[n].Data})
			}
			if diff := cmp.Diff(want, out.messages); diff != "" {
				t.Errorf("published: -want +got:\n%s", diff)
			}
			if pages := len(test.answers) - 1; pages > 0 && !strings.Contains(told.String(), "published, up to 2026-11-23T16:0") {
				t.Errorf("it does not tell its progress: %q", told)
			}
		})
	}
}
