package feed_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/feed"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// system is a feed on a log in SQLite, and the feed of another service.
type system struct {
	t   *testing.T
	db  *sqlitedb.DB
	log *sqlitelog.Log
	now time.Time
	http.Handler
}

func start(t *testing.T) *system {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "log.db"), sqlitelog.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := &system{t: t, db: db, now: time.Now().Add(-time.Hour).Truncate(time.Second)}
	s.log = sqlitelog.New(db, func() time.Time { return s.now })
	accounts, audios := feed.New("accounts", s.log), feed.New("audios", s.log)
	e := httpserver.NewEngine()
	httpserver.Get(e, "/v1/events/accounts", httpserver.Handle(accounts.Get))
	httpserver.Get(e, "/v1/events/audios", httpserver.Handle(audios.Get))
	httpserver.Get(e, "/v1/accounts/:id/events", httpserver.Handle(func(c *gin.Context) error {
		return accounts.History(c, caller.Accounts, "account/"+c.Param("id"), func(context.Context) error {
			if c.Param("id") == "77" { // exists although the log has no event of it
				return nil
			}
			return errNoAccount
		})
	}))
	s.Handler = e
	return s
}

var errNoAccount = httpserver.ErrNoRoute.Detailf("there is no such account") // any 404 will do

// tell appends n events of an account, one second apart.
func (s *system) tell(subject string, n int64) {
	s.t.Helper()
	for version := range n {
		s.add(events.Event{
			Type: events.AccountUpdatedV1, Subject: subject, Version: version + 1,
			Data: []byte(`{"resource":{"name":"<Ü>"}}`), Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		})
	}
}

// add appends an event, one second after the last one.
func (s *system) add(e events.Event) {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	if err := s.db.Write(s.t.Context(), func(tx *sqlitedb.Tx) error { return s.log.Append(tx, e) }); err != nil {
		s.t.Fatal(err)
	}
}

func (s *system) get(target string, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, target, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

type cloudEvent struct {
	SpecVersion, ID, Source, Subject, Type, Time, DataSchema, DataContentType string
	PartitionKey, ResourceVersion, Traceparent, Cursor                        string
	Data                                                                      json.RawMessage
}

// page is a batch that a client received.
type page struct {
	events             []cloudEvent
	ids                []string
	cursor, next, link string
}

func (s *system) page(target string) page {
	s.t.Helper()
	w := s.get(target)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/cloudevents-batch+json" ||
		w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) {
		s.t.Fatalf("%s is answered %d, %v: %s", target, w.Code, w.Header(), w.Body)
	}
	p := page{cursor: w.Header().Get("Concha-Feed-Cursor"), link: w.Header().Get("Link")}
	if err := json.Unmarshal(w.Body.Bytes(), &p.events); err != nil {
		s.t.Fatalf("%v: %s", err, w.Body)
	}
	for _, e := range p.events {
		p.ids = append(p.ids, e.ID)
	}
	if p.link != "" {
		u, err := url.Parse(strings.TrimSuffix(strings.TrimPrefix(p.link, "<"), `>; rel="next"`))
		if err != nil || u.Scheme != "http" || u.Host != "example.com" {
			s.t.Fatalf("Link: %s", p.link)
		}
		p.next = u.RequestURI()
	}
	return p
}

func ids(subject string, from, to int) (ids []string) {
	for version := from; version <= to; version++ {
		ids = append(ids, fmt.Sprint(subject, "/", version))
	}
	return ids
}

func TestPages(t *testing.T) {
	s := start(t)
	empty := s.page("/v1/events/accounts")
	if len(empty.events) > 0 || empty.cursor == "" || empty.next == "" {
		t.Errorf("the feed of nothing is %+v", empty)
	}
	begin := s.now
	s.tell("account/1", 250)
	for start, want := range map[string][]string{
		"":                                      ids("account/1", 1, 250),
		"?limit=1000":                           ids("account/1", 1, 250),
		"?limit=50":                             ids("account/1", 1, 250),
		empty.next[len("/v1/events/accounts"):]: ids("account/1", 1, 250),
		"?since=" + begin.Add(240*time.Second).UTC().Format(time.RFC3339):         ids("account/1", 240, 250),
		"?limit=3&since=" + begin.Add(245*time.Second).UTC().Format(time.RFC3339): ids("account/1", 245, 250),
		"?since=" + begin.Add(time.Hour).UTC().Format(time.RFC3339):               nil,
	} {
		var got []string
		for target := "/v1/events/accounts" + start; ; {
			p := s.page(target)
			got = append(got, p.ids...)
			if len(p.ids) == 0 {
				break
			}
			if u, _ := url.Parse(p.next); u.Query().Get("after") != p.cursor || u.Query().Has("since") {
				t.Errorf("the next page of %s is %s, the cursor %s", target, p.next, p.cursor)
			}
			target = p.next
		}
		if !slices.Equal(got, want) {
			t.Errorf("the pages of %q have %d events, want %d", start, len(got), len(want))
		}
	}
	if p := s.page("/v1/events/accounts"); len(p.ids) != 100 || p.cursor != p.events[99].Cursor {
		t.Errorf("a page has %d events and the cursor %s", len(p.ids), p.cursor)
	}
	p := s.page("/v1/events/accounts?limit=10")
	for i, e := range p.events {
		if after := s.page("/v1/events/accounts?limit=1&after=" + e.Cursor); after.ids[0] != fmt.Sprint("account/1/", i+2) {
			t.Errorf("after %s comes %v", e.ID, after.ids)
		}
	}
}

func TestHead(t *testing.T) {
	s := start(t)
	s.tell("account/1", 1)
	for _, target := range []string{"/v1/events/accounts", "/v1/accounts/1/events"} {
		server := httptest.NewServer(s)
		t.Cleanup(server.Close)
		for _, accept := range []string{"*/*", "text/event-stream"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+target, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Accept", accept)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if stream := res.Header.Get("Content-Type") == "text/event-stream"; res.StatusCode != 200 || stream != (accept != "*/*" && target == "/v1/events/accounts") {
				t.Errorf("HEAD %s with %s: %s, %v", target, accept, res.Status, res.Header)
			}
		}
	}
}

func TestAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		s := serve(t, log)
		for accept, stream := range map[string]bool{
			"": false, "*/*": false, "application/json": false, "text/html, text/*": false,
			"application/cloudevents-batch+json, text/event-stream":                        false,
			"application/json, text/event-stream;q=0":                                      false,
			"text/event-stream;q=0.0":                                                      false,
			"text/event-stream; q=0.5, application/cloudevents-batch+json":                 false,
			"application/cloudevents-batch+json;q=0.4, text/event-stream;q=0.5":            true,
			"text/event-stream;q=0.5, application/cloudevents-batch+json;q=0.5, */*;q=0.9": true,
			"text/event-stream;q=x":                                                        true,
			"text/event-stream":                                                            true, "Text/Event-Stream; charset=utf-8": true, "text/event-stream, application/cloudevents-batch+json": true,
		} {
			a := s.open("", "Accept", accept)
			if got := a.header.Get("Content-Type") == "text/event-stream"; got != stream || a.header.Get("Vary") != "Accept" {
				t.Errorf("to a client that accepts %q: %v", accept, a.header)
			}
			_ = a.conn.Close()
		}
		s.stop()
	})
}

func token(parts ...string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, " ")))
}

func TestWrongParameters(t *testing.T) {
	s := start(t)
	s.tell("account/1", 3)
	ours := s.page("/v1/events/accounts").cursor
	theirs := s.page("/v1/events/audios").cursor
	now := strconv.FormatInt(time.Now().UnixMicro(), 10)
	stream := []string{"Accept", "text/event-stream"}
	for _, c := range []struct {
		target string
		header []string
		want   []string
	}{
		{target: "/v1/events/accounts?limit=0", want: []string{"limit"}},
		{target: "/v1/events/accounts?limit=1001", want: []string{"limit"}},
		{target: "/v1/events/accounts?limit=x&wait=31", want: []string{"limit", "wait"}},
		{target: "/v1/events/accounts?wait=-1", want: []string{"wait"}},
		{target: "/v1/events/accounts?wait=1.5&wait=2", want: []string{"wait"}},
		{target: "/v1/events/accounts?since=yesterday", want: []string{"since"}},
		{target: "/v1/events/accounts?since=2999-01-01T00:00:00Z", want: []string{"since"}},
		{target: "/v1/events/accounts?since=2020-01-01T00:00:00Z&after=" + ours, want: []string{"since"}},
		{target: "/v1/events/accounts?after=x", want: []string{"after"}},
		{target: "/v1/events/accounts?after=", want: []string{"after"}},
		{target: "/v1/events/accounts?after=" + theirs, want: []string{"after"}},
		{target: "/v1/events/audios?after=" + ours, want: []string{"after"}},
		{target: "/v1/events/accounts?after=" + ours + "&after=" + ours, want: []string{"after"}},
		{target: "/v1/events/accounts?after=" + ours + "%0A", want: []string{"after"}},
		{target: "/v1/events/accounts?after=" + token("2", "accounts", now, "1.1"), want: []string{"after"}},
		{target: "/v1/events/accounts?after=" + token("1", "accounts", now), want: []string{"after"}},
		{target: "/v1/events/accounts?after=" + token("1", "accounts", "x", "1.1"), want: []string{"after"}},
		{target: "/v1/events/accounts?after=" + token("1", "accounts", "0"+now, "1.1"), want: []string{"after"}},
		{target: "/v1/events/accounts?after=" + token("1", "accounts", now, "nowhere"), want: []string{"after"}},
		{target: "/v1/events/accounts?name=x&foo=1&limit=0", want: []string{"limit", "foo", "name"}},
		{target: "/v1/events/accounts?limit=1&wait=1", header: stream, want: []string{"limit", "wait"}},
		{target: "/v1/events/accounts", header: append(stream, "Last-Event-ID", theirs), want: []string{"Last-Event-ID"}},
		{target: "/v1/events/accounts", header: append(stream, "Last-Event-ID", token("1", "accounts", now, "nowhere")), want: []string{"Last-Event-ID"}},
		{target: "/v1/accounts/1/events?after_version=-1&limit=0&after=" + ours, want: []string{"after_version", "limit", "after"}},
	} {
		w := s.get(c.target, c.header...)
		var problem struct {
			Type   string
			Errors []struct{ Pointer string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
			t.Fatalf("%s: %v: %s", c.target, err, w.Body)
		}
		var got []string
		for _, e := range problem.Errors {
			got = append(got, e.Pointer)
		}
		if w.Code != http.StatusBadRequest || !strings.HasSuffix(problem.Type, "/validation-error") || !slices.Equal(got, c.want) {
			t.Errorf("%s %v is answered %d %s, want %q", c.target, c.header, w.Code, w.Body, c.want)
		}
	}
}

func TestExpiredCursor(t *testing.T) {
	s := start(t)
	s.tell("account/1", 3)
	cursors := []string{s.page("/v1/events/accounts?limit=1").cursor, s.page("/v1/events/accounts").cursor}
	gone := func(system *system, cursor string) {
		t.Helper()
		for target, header := range map[string][]string{
			"/v1/events/accounts?after=" + cursor: {"Accept", "*/*"},
			"/v1/events/accounts?limit=1":         {"Accept", "text/event-stream", "Last-Event-ID", cursor},
		} {
			if header[1] != "*/*" {
				target = "/v1/events/accounts"
			}
			if w := system.get(target, header...); w.Code != http.StatusGone || !strings.Contains(w.Body.String(), "/problems/cursor-expired") ||
				!strings.Contains(w.Body.String(), "Concha-Feed-Cursor") {
				t.Errorf("%s is answered %d %s", target, w.Code, w.Body)
			}
		}
	}
	for _, cursor := range cursors {
		gone(start(t), cursor) // the database was deleted
	}
	s.now = s.now.Add(eventlog.Retention - 5*time.Second)
	for _, cursor := range cursors {
		s.page("/v1/events/accounts?after=" + cursor)
	}
	s.now = s.now.Add(time.Minute)
	for _, cursor := range cursors {
		gone(s, cursor)
	}
	if p := s.page("/v1/events/accounts"); len(p.ids) != 3 {
		t.Errorf("from the oldest that is kept: %v", p.ids)
	}
}

func TestLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		s := serve(t, log)
		log.add(1)
		poll := func(query string) (cursor string, took time.Duration, body string) {
			t.Helper()
			begun := time.Now()
			a := s.open(query)
			body = a.text(t)
			if a.status != http.StatusOK {
				t.Errorf("answered %d: %s", a.status, body)
			}
			return a.header.Get("Concha-Feed-Cursor"), time.Since(begun), body
		}
		after, took, body := poll("?wait=30")
		if took > 10*time.Millisecond || !strings.Contains(body, "account/1/1") {
			t.Errorf("what there was is answered after %v: %s", took, body)
		}
		for wait, want := range map[string]time.Duration{"0": 0, "1": time.Second, "30": 30 * time.Second} {
			cursor, took, body := poll("?wait=" + wait + "&after=" + after)
			if took.Round(100*time.Millisecond) != want || body != "[]" || cursor == "" || cursor == after {
				t.Errorf("nothing is answered after %v: %s, cursor %s", took, body, cursor)
			}
		}
		for name, told := range map[string]bool{"this process": true, "another process": false} {
			go func() {
				time.Sleep(10*time.Second + 500*time.Millisecond)
				log.add(1)
				if told {
					log.committed.Notify()
				}
			}()
			cursor, took, body := poll("?wait=30&after=" + after)
			late := took - 10*time.Second - 500*time.Millisecond
			if late > 1010*time.Millisecond || told && late > 20*time.Millisecond || !strings.Contains(body, "account/1/") {
				t.Errorf("a commit of %s is answered after %v: %s", name, late, body)
			}
			after = cursor
		}
		_, before := log.reads()
		time.Sleep(time.Hour)
		if _, heads := log.reads(); heads != before {
			t.Errorf("%d looks at the log for nobody", heads-before)
		}
		s.stop()
	})
}
