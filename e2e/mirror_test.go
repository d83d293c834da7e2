package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/events"
)

// mirror is a table of resources that is made from their events alone, as a
// consumer makes it.
type mirror struct {
	consumer   events.Consumer[events.NoTx]
	rows       map[string]any   // by subject
	versions   map[string]int64 // of the last events
	taken      int              // events
	duplicates int
}

func newMirror() *mirror {
	m := &mirror{rows: map[string]any{}, versions: map[string]int64{}}
	m.consumer = events.Consumer[events.NoTx]{State: new(events.Memory), Apply: m.apply}
	return m
}

// take takes in an event. Errors: one before it is missing.
func (m *mirror) take(ctx context.Context, change events.Decoded) error {
	m.taken++
	if e := change.Envelope(); e.Version <= m.versions[e.Subject] {
		m.duplicates++
	}
	return m.consumer.Handle(ctx, change)
}

func (m *mirror) apply(_ context.Context, _ events.NoTx, change events.Decoded) error {
	e := change.Envelope()
	m.versions[e.Subject] = e.Version
	switch c := change.(type) {
	case events.AccountChanged:
		m.rows[e.Subject] = c.Resource
	case events.AudioChanged:
		m.rows[e.Subject] = c.Resource
	default: // deleted, or erased as it will be
		delete(m.rows, e.Subject)
	}
	return nil
}

// database reads all resources of a kind through the API, as rows of a mirror.
func database(server string, k kind) (map[string]any, error) {
	if k.subject == accountKind.subject {
		return rowsOf(server, k, func(a events.Account) any { return a.ID })
	}
	return rowsOf(server, k, func(a events.Audio) any { return a.SessionID })
}

func rowsOf[R any](server string, k kind, id func(R) any) (map[string]any, error) {
	rows, token := map[string]any{}, ""
	for {
		page, err := request("GET", server+k.collection+"?page_size=1000&page_token="+url.QueryEscape(token), "", http.StatusOK)
		if err != nil {
			return nil, err
		}
		// URLs in events are relative to the API's origin.
		text := strings.ReplaceAll(encode(page["items"]), server, "")
		var items []R
		if err := json.Unmarshal([]byte(text), &items); err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		for _, item := range items {
			rows[k.subject+fmt.Sprint(id(item))] = item
		}
		if token, _ = page["next_page_token"].(string); token == "" {
			return rows, nil
		}
	}
}

// compare reports rows of the database that differ from the mirror, and missing
// versions that have been answered.
func (m *mirror) compare(t *testing.T, server string, k kind, answered map[string]int64) {
	t.Helper()
	rows, err := database(server, k)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(rows, m.rows, func(a, b any) bool { return cmp.Equal(a, b) }) {
		t.Errorf("%s: -database +mirror: %.3000s", k.collection, cmp.Diff(rows, m.rows))
	}
	for subject, version := range answered {
		if strings.HasPrefix(subject, k.subject) && m.versions[subject] != version {
			t.Errorf("%s is at version %d, its events at %d", subject, version, m.versions[subject])
		}
	}
	if m.taken == 0 {
		t.Errorf("%s: no event came", k.collection)
	}
}

// follower keeps a mirror by the feed of a collection, over any number of ends
// of the server.
type follower struct {
	*mirror
	kind   kind
	cursor string // of the last event
}

func newFollower(k kind) *follower { return &follower{mirror: newMirror(), kind: k} }

func (f *follower) get(ctx context.Context, server, query, accept string) (*http.Response, error) {
	feed := server + strings.Replace(f.kind.collection, "/v1/", "/v1/events/", 1) + "?after=" + f.cursor + query
	if f.cursor == "" {
		feed = strings.Replace(feed, "after=", "", 1)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, feed, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err == nil && resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("GET %s: %s", feed, resp.Status)
	}
	return resp, err
}

// stream reads the event stream until the server is gone. It returns the errors
// of events.
func (f *follower) stream(ctx context.Context, server string) error {
	resp, err := f.get(ctx, server, "", "text/event-stream")
	if err != nil {
		return nil // the server was gone before
	}
	defer resp.Body.Close()
	for in := bufio.NewReader(resp.Body); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil // the server is gone
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := f.event(ctx, []byte(data)); err != nil {
				return err
			}
		}
	}
}

func (f *follower) event(ctx context.Context, text []byte) error {
	var e struct{ Cursor string }
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	change, err := events.DecodeJSON(text)
	if err != nil {
		return err
	}
	f.cursor = e.Cursor
	return f.take(ctx, change)
}

// finish reads the feed to its end.
func (f *follower) finish(ctx context.Context, server string) error {
	for {
		resp, err := f.get(ctx, server, "&limit=1000", "application/cloudevents-batch+json")
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		var batch []json.RawMessage
		if err := json.Unmarshal(body, &batch); err != nil || len(batch) == 0 {
			return err
		}
		for _, e := range batch {
			if err := f.event(ctx, e); err != nil {
				return err
			}
		}
	}
}

// check reads the feed to its end and compares; and it reports duplicates, as a
// feed that is resumed has none.
func (f *follower) check(t *testing.T, server string, answered map[string]int64) {
	t.Helper()
	if err := f.finish(t.Context(), server); err != nil {
		t.Error(err)
	}
	f.compare(t, server, f.kind, answered)
	if f.duplicates > 0 {
		t.Errorf("%s: %d of %d events came again", f.kind.collection, f.duplicates, f.taken)
	}
}
