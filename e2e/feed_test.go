package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/events"
)

// feedEvent is an event as the feed and the histories give it.
type feedEvent struct {
	ID, Subject, Type, Cursor, ResourceVersion, Traceparent string
	Data                                                    json.RawMessage
}

// events returns the events of a batch, each of which a consumer can decode.
func (a answer) events() []feedEvent {
	a.t.Helper()
	for _, text := range decode[[]json.RawMessage](a) {
		if _, err := events.DecodeJSON(text); err != nil {
			a.t.Errorf("%s: %v in %s", a.call, err, text)
		}
	}
	return decode[[]feedEvent](a)
}

// next returns the path that the answer's Link header leads to.
func (a answer) next() string {
	a.t.Helper()
	link := regexp.MustCompile(`^<https?://[^/]+(/[^>]+)>; rel="next"$`).FindStringSubmatch(a.header.Get("Link"))
	if link == nil {
		a.t.Fatalf("%s: Link is %q", a.call, a.header.Get("Link"))
	}
	return link[1]
}

// followed reads a feed to its end, in pages, and returns the events of the
// subject and where to go on.
func followed(c *client, path, subject string) (of []feedEvent, next string) {
	c.t.Helper()
	last := int64(0)
	for {
		a := c.get(path).expect(200)
		all := a.events()
		for _, e := range all {
			if e.Subject != subject {
				continue
			}
			version, err := strconv.ParseInt(e.ResourceVersion, 10, 64)
			if err != nil || version <= last {
				c.t.Errorf("%s: version %s follows %d", a.call, e.ResourceVersion, last)
			}
			last = version
			of = append(of, e)
		}
		if path = a.next(); !strings.Contains(path, "after="+a.header.Get("Concha-Feed-Cursor")) {
			c.t.Errorf("%s: Link leads to %s, the cursor is %s", a.call, path, a.header.Get("Concha-Feed-Cursor"))
		}
		if len(all) == 0 {
			return of, path
		}
	}
}

// recently is a query parameter for the events of this test.
func recently() string {
	return "since=" + url.QueryEscape(time.Now().Add(-10*time.Second).UTC().Format(time.RFC3339))
}

// wantTypes reports events that are not these kinds of change, of versions
// from 1, or whose payload is not as it should be.
func wantTypes(c *client, what string, got []feedEvent, redacted int, want ...string) {
	c.t.Helper()
	var kinds []string
	for i, e := range got {
		kinds = append(kinds, strings.TrimSuffix(strings.Split(e.Type, ".")[2], ".v1"))
		kind, key, _ := strings.Cut(e.Subject, "/")
		if e.ID != e.Subject+"/"+strconv.Itoa(i+1) || (string(e.Data) == `{"redacted":true}`) != (i < redacted) {
			c.t.Errorf("%s: event %d is %s with %s", what, i+1, e.ID, e.Data)
		}
		if err := checkPayload(e.Data, kind, key, int64(i+1), e.Type); err != nil {
			c.t.Errorf("%s: event %s: %v: %s", what, e.ID, err, e.Data)
		}
	}
	if !slices.Equal(kinds, want) {
		c.t.Errorf("%s has %q, want %q", what, kinds, want)
	}
}

// checkPayload checks what an event carries. Of a resource that was deleted
// before the event could be published, nothing may be left.
func checkPayload(data []byte, kind, key string, version int64, eventType string) error {
	id := map[string]string{"account": "id", "audio": "session_id"}[kind]
	var payload map[string]any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&payload); err != nil {
		return err
	}
	if payload["redacted"] == true && len(payload) == 1 {
		return nil
	}
	if strings.HasSuffix(eventType, ".deleted.v1") {
		if fmt.Sprint(payload) != fmt.Sprintf("map[%s:%s]", id, key) {
			return fmt.Errorf("the payload is more than the key")
		}
		return nil
	}
	resource, _ := payload["resource"].(map[string]any)
	fields, _ := payload["changed_fields"].([]any)
	if fmt.Sprint(resource[id]) != key || fmt.Sprint(resource["version"]) != strconv.FormatInt(version, 10) || len(fields) == 0 || payload["request_id"] == "" {
		return fmt.Errorf("the payload does not tell the change")
	}
	return nil
}

func accountFeed(c *client) {
	begin := "/v1/events/accounts?" + recently()
	id, _ := newAccount(c)
	subject := "account/" + id
	c.json("PUT", "/v1/accounts/"+id, profile("Ann", uniqueEmail(), "")).expect(200)
	c.form("POST", "/accounts/"+id+"/upload_image", part{key: "image", name: "a.png", contentType: "image/png", content: pngOf(1, 1)}).expect(200)

	history := "/v1/accounts/" + id + "/events"
	wantTypes(c, "the history", c.get(history).expect(200).events(), 0, "created", "updated", "updated")
	all, next := followed(c, begin, subject)
	wantTypes(c, "the feed", all, 0, "created", "updated", "updated")
	if rest, _ := followed(c, "/v1/events/accounts?after="+all[0].Cursor, subject); len(rest) != 2 || rest[0].ID != all[1].ID {
		c.t.Errorf("after the first comes %+v", rest)
	}

	c.delete("/v1/accounts/" + id).expect(204)
	if rest, _ := followed(c, next, subject); len(rest) != 1 || rest[0].Type != "concha.account.deleted.v1" {
		c.t.Errorf("after the end comes %+v", rest)
	}
	wantTypes(c, "the history of a deleted account", c.get(history).expect(200).events(), 3, "created", "updated", "updated", "deleted")
	all, _ = followed(c, begin, subject)
	wantTypes(c, "the feed with a deleted account", all, 3, "created", "updated", "updated", "deleted")

	first := c.get(history + "?limit=1").expect(200)
	if events := first.events(); len(events) != 1 || first.next() != history+"?after_version=1&limit=1" {
		c.t.Errorf("a part of the history has %d events, and leads to %s", len(events), first.next())
	}
	if rest := c.get(history + "?after_version=3").expect(200); len(rest.events()) != 1 || rest.header.Get("Link") != "" {
		c.t.Errorf("the last of the history is %s, %v", rest.body, rest.header)
	}
	if none := c.get(history + "?after_version=4").expect(200); string(none.body) != "[]" {
		c.t.Errorf("after the history comes %s", none.body)
	}
	for _, path := range []string{"0", "x", "9007199254740993", "1%2F2"} {
		c.get("/v1/accounts/"+path+"/events").problem(404, "no-such-instance-error")
	}
	c.get("/v1/accounts/"+id[:len(id)-1]+"/events?after_version=3").problem(404, "no-such-instance-error")
}

func audioFeed(c *client) {
	begin := "/v1/events/audios?limit=1000&" + recently()
	session := newSession()
	path := "/v1/audios" + sessionPath(session)
	c.get(path+"/events").problem(404, "no-such-instance-error")
	for range 2 {
		c.json("POST", "/v1/audios", encode(session)).expect(201)
		c.delete(path).expect(204)
	}
	c.json("POST", "/audios", encode(session)).expect(201)
	want := []string{"created", "deleted", "created", "deleted", "created"}
	all, _ := followed(c, begin, "audio"+sessionPath(session))
	for what, events := range map[string][]feedEvent{"the feed": all, "the history": c.get(path + "/events").expect(200).events()} {
		var got []string
		for _, e := range events {
			got = append(got, strings.Split(e.Type, ".")[2])
		}
		if !slices.Equal(got, want) || string(events[2].Data) != `{"redacted":true}` || string(events[0].Data) != `{"redacted":true}` {
			c.t.Errorf("%s of a session that was made anew is %+v", what, events)
		}
	}
}

func feedParameters(c *client) {
	account := c.get("/v1/events/accounts?limit=1").expect(200).header.Get("Concha-Feed-Cursor")
	audio := c.get("/v1/events/audios?limit=1").expect(200).header.Get("Concha-Feed-Cursor")
	for query, pointers := range map[string][]string{
		"?limit=0&wait=31":                       {"limit", "wait"},
		"?limit=1001":                            {"limit"},
		"?since=now":                             {"since"},
		"?limit=%2B5":                            {"limit"},
		"?since=9999-12-31T23:59:59.9999999Z":    {"since"},
		"?since=0001-01-01T00:00:00Z&after=AAAA": {"after", "since"},
		"?since=2999-01-01T00:00:00Z":            {"since"},
		"?since=2020-01-01T00:00:00Z&after=AAAA": {"after", "since"},
		"?after=" + audio:                        {"after"},
		"?after=x&after=y&nope=1":                {"after", "nope"},
	} {
		c.get("/v1/events/accounts"+query).problem(400, "validation-error", pointers...)
	}
	c.get("/v1/events/audios?after="+account).problem(400, "validation-error", "after")
	for _, since := range []string{"0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1677-09-21T00:00:00Z", "1970-01-01T00:00:00Z"} {
		c.beyond().get("/v1/events/accounts?limit=1&since=" + since).expect(200)
	}
	id, _ := newAccount(c)
	c.get("/v1/accounts/"+id+"/events?after_version=-1&after=x").problem(400, "validation-error", "after_version", "after")

	// A cursor of long ago, and one of a database in which much more had
	// happened.
	raw, err := base64.RawURLEncoding.DecodeString(account)
	if err != nil {
		c.t.Fatal(err)
	}
	parts := strings.Split(string(raw), " ")
	parts[2] = strconv.FormatInt(time.Now().Add(-91*24*time.Hour).UnixMicro(), 10)
	old := base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, " ")))
	parts[2] = strconv.FormatInt(time.Now().UnixMicro(), 10)
	place := "900000000000.1"
	if strings.Contains(parts[3], "/") { // Spanner's begins with a time
		place = "8" + parts[3][1:]
	}
	ahead := base64.RawURLEncoding.EncodeToString([]byte(strings.Join(append(parts[:3], place), " ")))
	for _, cursor := range []string{old, ahead} {
		c.get("/v1/events/accounts?after="+cursor).problem(410, "cursor-expired")
		c.get("/v1/events/accounts", "Accept", "text/event-stream", "Last-Event-ID", cursor).problem(410, "cursor-expired")
	}
}

func longPoll(c *client) {
	_, path := followed(c, "/v1/events/accounts?"+recently(), "")
	id := make(chan string)
	go func() {
		<-time.After(300 * time.Millisecond)
		id <- ask201(c)
	}()
	var subject string
	begun := time.Now()
	for deadline := begun.Add(20 * time.Second); ; {
		a := c.get(path + "&wait=10").expect(200)
		if subject == "" {
			subject = "account/" + <-id
		}
		if slices.ContainsFunc(a.events(), func(e feedEvent) bool { return e.Subject == subject }) {
			break
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s does not come", subject)
		}
		path = strings.Replace(a.next(), "&wait=10", "", 1)
	}
	if took := time.Since(begun); took > 9*time.Second {
		c.t.Errorf("an event came after %v, at the end of the poll", took)
	}
}

// ask201 creates an account from a goroutine and returns its id, "" if it
// fails.
func ask201(c *client) string {
	a := c.json("POST", "/v1/accounts", profile("Jo", uniqueEmail(), ""))
	var account struct{ ID json.Number }
	if err := json.Unmarshal(a.body, &account); err != nil || a.status != http.StatusCreated {
		c.t.Errorf("%s: %d %s", a.call, a.status, a.body)
	}
	return account.ID.String()
}

// stream is an event stream that is being read.
type stream struct {
	t    *testing.T
	in   *bufio.Reader
	last string // id
	end  context.CancelFunc
}

// openStream opens an event stream, which the gateway must not hold back, nor
// compress.
func (c *client) openStream(path string, header ...string) *stream {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 45*time.Second)
	c.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Accept-Encoding", "gzip, br")
	for pair := range slices.Chunk(header, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store" ||
		resp.Header.Get("Content-Encoding") != "" || resp.Header.Get("X-Request-Id") == "" {
		c.t.Fatalf("GET %s: %s, %v", path, resp.Status, resp.Header)
	}
	return &stream{t: c.t, in: bufio.NewReader(resp.Body), end: cancel}
}

// until reads until an event of the subject comes, at any of its versions from
// this one.
func (s *stream) until(subject string, version int) feedEvent {
	s.t.Helper()
	var id, kind string
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			s.t.Fatalf("before %s/%d: %v", subject, version, err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			var e feedEvent
			if err := json.Unmarshal([]byte(value), &e); err != nil || e.Cursor != id || e.Type != kind {
				s.t.Fatalf("%v: the event %s %s has the data %s", err, kind, id, value)
			}
			s.last = id
			if e.Subject == subject && e.ID >= fmt.Sprint(subject, "/", version) {
				return e
			}
		}
	}
}

func eventStream(c *client) {
	idle := c.openStream("/v1/events/accounts?" + recently()) // which nobody reads
	s := c.openStream("/v1/events/accounts?" + recently())
	id, _ := newAccount(c)
	subject := "account/" + id
	if e := s.until(subject, 1); e.Type != "concha.account.created.v1" {
		c.t.Errorf("the stream has %+v", e)
	}
	first := s.last
	begun := time.Now()
	c.json("PUT", "/v1/accounts/"+id, profile("Ann", uniqueEmail(), "")).expect(200)
	if e := s.until(subject, 2); e.ID != subject+"/2" {
		c.t.Errorf("the stream has %+v", e)
	}
	if took := time.Since(begun); took > 12*time.Second {
		c.t.Errorf("an event came after %v", took)
	}
	s.end() // and back again
	c.delete("/v1/accounts/" + id).expect(204)
	s = c.openStream("/v1/events/accounts", "Last-Event-ID", first)
	for version := 2; version <= 3; version++ {
		if e := s.until(subject, version); e.ID != fmt.Sprint(subject, "/", version) {
			c.t.Errorf("back again, the stream has %+v, want version %d", e, version)
		}
	}
	if e := idle.until(subject, 1); e.ID != subject+"/1" {
		c.t.Errorf("the stream that was not read has %+v", e)
	}
}

// ends reports a stream that does not end as it should: well, and soon.
func (s *stream) ends() {
	s.t.Helper()
	if _, err := io.Copy(io.Discard, s.in); err != nil {
		s.t.Errorf("the stream ends with %v", err)
	}
}
