package audios_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/httpserver"
)

const ticks = `[-100, -99.5, -10, -10.0, -96.33333333333334, -1e1, -42, -42, -42, -42, -42, -42, -42, -42, -89.03999999999999]`

func document(id int64, members string) string {
	return fmt.Sprintf(`{"session_id": %d, "ticks": %s, "selected_tick": 5, "step_count": 1%s}`, id, ticks, members)
}

func TestCreateAndGet(t *testing.T) {
	c := start(t)
	created := c.create(document(3124, ` , "account_id": 77, "version": 9, "unknown": {"a": [null]}`))
	if got := created.header.Get("Location"); got != c.url+"/v1/audios/3124" {
		t.Errorf("Location %q", got)
	}
	body := decode[events.Audio](t, created)
	if time.Since(body.CreatedAt) > time.Minute || !body.UpdatedAt.Equal(body.CreatedAt) {
		t.Errorf("times %v, %v", body.CreatedAt, body.UpdatedAt)
	}
	if !strings.HasPrefix(body.FileURL, c.url+"/v1/audios/3124/file?v=") {
		t.Errorf("file_url %q", body.FileURL)
	}
	want := events.Audio{
		SessionID: 3124, AccountID: new(int64(77)),
		Ticks:        []float64{-100, -99.5, -10, -10, -96.33333333333334, -10, -42, -42, -42, -42, -42, -42, -42, -42, -89.03999999999999},
		SelectedTick: 5, StepCount: 1, FileURL: body.FileURL, Version: 1, ETag: `"1"`, CreatedAt: body.CreatedAt, UpdatedAt: body.UpdatedAt,
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if !bytes.Contains(created.body, []byte("-89.03999999999999]")) {
		t.Errorf("a tick has lost digits: %s", created.body)
	}
	got := c.send("GET", "/v1/audios/3124", "")
	got.want(t, http.StatusOK)
	if !bytes.Equal(got.body, created.body) || got.header.Get("ETag") != `"1"` {
		t.Errorf("GET gives %s with ETag %s", got.body, got.header.Get("ETag"))
	}
	head := c.send("HEAD", "/v1/audios/3124", "")
	head.want(t, http.StatusOK)
	if len(head.body) != 0 || head.header.Get("ETag") != `"1"` {
		t.Errorf("HEAD gives %q with ETag %s", head.body, head.header.Get("ETag"))
	}
	c.send("GET", "/v1/audios/3124", "", "If-None-Match", `"1"`).want(t, http.StatusNotModified)
	c.send("GET", "/v1/audios/3124", "", "If-None-Match", `"2"`).want(t, http.StatusOK)
}

func TestCreateRefusesWhatBreaksARule(t *testing.T) {
	c := start(t)
	c.create(document(1, ""))
	c.publish(events.Event{Type: events.AccountDeletedV1, Subject: "account/5", Version: 2})
	for _, r := range []struct {
		name, body string
		status     int
		problem    string
		pointers   []string
	}{
		{"taken", document(1, ""), 409, "already-exists", nil},
		{"deleted account", document(2, `, "account_id": 5`), 400, "validation-error", []string{"/account_id"}},
		{"nothing", `{}`, 400, "validation-error", []string{"/session_id", "/ticks", "/selected_tick", "/step_count"}},
		{"null", `{"session_id":null,"account_id":null,"ticks":null,"selected_tick":null,"step_count":null}`, 400, "validation-error", []string{"/session_id", "/ticks", "/selected_tick", "/step_count"}},
		{"wrong types", `{"session_id":"1","account_id":"1","ticks":{},"selected_tick":true,"step_count":1.5}`, 400, "validation-error", []string{"/session_id", "/account_id", "/ticks", "/selected_tick", "/step_count"}},
		{"wrong types and broken rules", `{"session_id":-1,"ticks":[-1,"x",-50,-50,-50,-50,-50,-50,-50,-50,-50,-50,-50,-50,-50],"selected_tick":15,"step_count":1e20}`, 400, "validation-error", []string{"/ticks/1", "/step_count", "/session_id", "/ticks/0", "/selected_tick"}},
		{"an array", `[]`, 400, "validation-error", []string{""}},
		{"broken", `{"session_id":`, 400, "malformed-request", []string{""}},
		{"empty", ``, 400, "malformed-request", []string{""}},
		{"too large", document(2, strings.Repeat(" ", httpserver.MaxJSON)), 413, "payload-too-large", nil},
	} {
		t.Run(r.name, func(t *testing.T) {
			c.sendJSON("POST", "/v1/audios", r.body).wantProblem(t, r.status, r.problem, r.pointers...)
		})
	}
	c.send("POST", "/v1/audios", document(2, ""), "Content-Type", "text/plain").wantProblem(t, 415, "unsupported-media-type")
	c.send("POST", "/v1/audios", document(2, "")).wantProblem(t, 415, "unsupported-media-type")
	c.send("GET", "/v1/audios/2", "").wantProblem(t, 404, "no-such-instance-error")
}

func TestUploadOfAFile(t *testing.T) {
	c := start(t)
	sent := document(1, "\n\t")
	c.sendFile("POST", "/v1/audios", "audio", "Session.JSON", sent).want(t, http.StatusCreated)
	if got := c.send("GET", "/v1/audios/1/file", ""); string(got.body) != sent {
		t.Errorf("the file is %q, want %q", got.body, sent)
	}
	padded := strings.Replace(document(2, ""), "{", "{"+strings.Repeat(" ", httpserver.MaxJSON-len(document(2, ""))), 1)
	c.sendFile("POST", "/v1/audios", "audio", "a.json", padded).want(t, http.StatusCreated)
	c.sendFile("POST", "/v1/audios", "audio", "a.json", padded+" ").wantProblem(t, 413, "payload-too-large")
	c.sendFile("POST", "/v1/audios", "audio", "a.json", strings.Repeat(" ", 2*httpserver.MaxJSON)).wantProblem(t, 413, "payload-too-large")
	c.sendFile("POST", "/v1/audios", "audio", "a.txt", sent).wantProblem(t, 400, "validation-error", "/audio")
	c.sendFile("POST", "/v1/audios", "image", "a.json", sent).wantProblem(t, 400, "validation-error", "/audio")
	c.sendFile("POST", "/v1/audios", "audio", "a.json", "{").wantProblem(t, 400, "malformed-request", "")
	c.sendFile("PUT", "/v1/audios/1", "audio", "a.json", document(1, ` `)).want(t, http.StatusOK)
}

func TestReplace(t *testing.T) {
	c := start(t)
	first := document(1, `, "account_id": 77`)
	c.create(first)

	same := c.sendJSON("PUT", "/v1/audios/1", first)
	same.want(t, http.StatusOK)
	if v := decode[events.Audio](t, same).Version; v != 1 {
		t.Errorf("version %d after the same document, want 1", v)
	}
	c.sendJSON("PUT", "/v1/audios/1", first+"\n").want(t, http.StatusOK)
	if got := c.send("GET", "/v1/audios/1/file", ""); string(got.body) != first+"\n" {
		t.Errorf("the file is %q", got.body)
	}
	replaced := c.sendJSON("PUT", "/v1/audios/1", document(1, ""))
	replaced.want(t, http.StatusOK)
	if body := decode[events.Audio](t, replaced); body.Version != 3 || body.AccountID != nil || replaced.header.Get("ETag") != `"3"` {
		t.Errorf("replaced by %+v", body)
	}
	c.sendJSON("PUT", "/v1/audios/1", document(2, "")).wantProblem(t, 400, "validation-error", "/session_id")
	c.sendJSON("PUT", "/v1/audios/1", `{"session_id": 2}`).wantProblem(t, 400, "validation-error", "/ticks", "/selected_tick", "/step_count", "/session_id")
	c.sendJSON("PUT", "/v1/audios/1", `{}`).wantProblem(t, 400, "validation-error", "/session_id", "/ticks", "/selected_tick", "/step_count")
	c.sendJSON("PUT", "/v1/audios/2", document(2, "")).wantProblem(t, 404, "no-such-instance-error")
}

func TestDelete(t *testing.T) {
	c := start(t)
	c.create(document(0, ""))
	gone := c.send("DELETE", "/v1/audios/0", "")
	gone.want(t, http.StatusNoContent)
	c.send("GET", "/v1/audios/0", "").want(t, http.StatusNotFound)
	c.send("DELETE", "/v1/audios/0", "").wantProblem(t, 404, "no-such-instance-error")
	c.send("DELETE", "/v1/audios/0?allow_missing=false", "").want(t, http.StatusNotFound)
	c.send("DELETE", "/v1/audios/0?allow_missing=true", "").want(t, http.StatusNoContent)
	if again := c.create(document(0, "")); again.header.Get("ETag") != `"3"` {
		t.Errorf("ETag %s after the deletion, want \"3\"", again.header.Get("ETag"))
	}
}

func TestFile(t *testing.T) {
	c := start(t)
	sent := document(1, ` `)
	c.create(sent)
	got := c.send("GET", "/v1/audios/1/file?v=whatever", "")
	got.want(t, http.StatusOK)
	etag := got.header.Get("ETag")
	if string(got.body) != sent || got.header.Get("Content-Type") != "application/json" || len(etag) != 66 {
		t.Errorf("the file is %q of type %s with ETag %s", got.body, got.header.Get("Content-Type"), etag)
	}
	head := c.send("HEAD", "/v1/audios/1/file", "")
	head.want(t, http.StatusOK)
	if len(head.body) != 0 || head.header.Get("ETag") != etag || head.header.Get("Content-Length") != fmt.Sprint(len(sent)) {
		t.Errorf("HEAD gives %v", head.header)
	}
	c.send("GET", "/v1/audios/1/file", "", "If-None-Match", `"x", `+etag).want(t, http.StatusNotModified)
	c.sendJSON("PUT", "/v1/audios/1", sent+" ").want(t, http.StatusOK)
	c.send("GET", "/v1/audios/1/file", "", "If-None-Match", etag).want(t, http.StatusOK)
	c.send("GET", "/v1/audios/2/file", "").wantProblem(t, 404, "no-such-instance-error")
}

func TestWhatIsNoSessionIDNamesNothing(t *testing.T) {
	c := start(t)
	c.create(document(1, ""))
	for _, id := range []string{"-1", "01", "+1", "1.0", "x", "9007199254740992", "99999999999999999999", "%31%2f", "%20"} {
		c.send("GET", "/v1/audios/"+id, "").wantProblem(t, 404, "no-such-instance-error")
		c.send("GET", "/v1/audios/"+id+"/file", "").wantProblem(t, 404, "no-such-instance-error")
		c.send("DELETE", "/v1/audios/"+id, "").wantProblem(t, 404, "no-such-instance-error")
		c.sendJSON("PUT", "/v1/audios/"+id, document(1, "")).wantProblem(t, 404, "no-such-instance-error")
	}
	c.send("PATCH", "/v1/audios/1", "").wantProblem(t, 405, "method-not-allowed")
}

type list struct {
	ResourceType  string         `json:"resource_type"`
	Count         int            `json:"count"`
	Items         []events.Audio `json:"items"`
	NextPageToken string         `json:"next_page_token"`
}

func (c *client) list(path string) (ids []int64, page list, link string) {
	c.t.Helper()
	a := c.send("GET", path, "")
	a.want(c.t, http.StatusOK)
	page = decode[list](c.t, a)
	for _, item := range page.Items {
		ids = append(ids, item.SessionID)
	}
	if page.ResourceType != "audios" || page.Count != len(page.Items) || page.Items == nil {
		c.t.Errorf("list %s", a.body)
	}
	return ids, page, a.header.Get("Link")
}

func TestListByFilters(t *testing.T) {
	c := start(t)
	c.create(document(0, `, "account_id": 5`))
	c.create(document(1, `, "account_id": 5`))
	c.create(strings.Replace(document(2, ""), `"step_count": 1`, `"step_count": 9`, 1))
	for query, want := range map[string][]int64{
		"":                              {0, 1, 2},
		"?account_id=5":                 {0, 1},
		"?account_id=5&session_id=1":    {1},
		"?session_id=0":                 {0},
		"?step_count=9":                 {2},
		"?selected_tick=5&step_count=1": {0, 1},
		"?selected_tick=4":              nil,
		"?selected_tick=-7":             nil,
		"?unknown=1":                    {0, 1, 2},
	} {
		got, _, link := c.list("/v1/audios" + query)
		if diff := cmp.Diff(want, got); diff != "" || link != "" {
			t.Errorf("%q (-want +got), Link %q:\n%s", query, link, diff)
		}
	}
	c.send("GET", "/v1/audios?session_id=x&account_id=&selected_tick=1.5&step_count=100000000000000000000&page_size=-1", "").
		wantProblem(t, 400, "validation-error", "session_id", "account_id", "selected_tick", "step_count", "page_size")
	c.send("HEAD", "/v1/audios", "").want(t, http.StatusOK)
}

func TestListInPages(t *testing.T) {
	c := start(t)
	for id := range int64(5) {
		c.create(document(id, `, "account_id": 5`))
	}
	var got [][]int64
	path := "/v1/audios?account_id=5&page_size=2"
	for path != "" {
		ids, page, link := c.list(path)
		got = append(got, ids)
		path = ""
		if page.NextPageToken != "" {
			next, ok := strings.CutPrefix(link, "<"+c.url)
			if path, _, _ = strings.Cut(next, ">"); !ok || !strings.HasSuffix(next, `>; rel="next"`) {
				t.Fatalf("Link %q", link)
			}
		}
	}
	if diff := cmp.Diff([][]int64{{0, 1}, {2, 3}, {4}}, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	_, page, _ := c.list("/v1/audios?account_id=05&page_size=1")
	if ids, _, _ := c.list("/v1/audios?account_id=5&page_token=" + page.NextPageToken); len(ids) != 4 {
		t.Errorf("another spelling of a filter makes another list: %v", ids)
	}
	for _, query := range []string{"?page_token=" + page.NextPageToken, "?account_id=5&page_token=x", "?page_token=" + httpserver.EncodePageToken("", "x")} {
		c.send("GET", "/v1/audios"+query, "").wantProblem(t, 400, "invalid-page-token")
	}
}
