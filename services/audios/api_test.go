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
		{"wrong types and broken rules", `{"session_id":-1,"ticks":[-1,"x",-50,-50,-50,-50,-50,-50,-50,-50,-50,-50,-50,-50,-50],"selected_tick":15,"step_count":1e20}`, 400, "validation-error", []string{"/ticks/1", "/session_id", "/ticks/0", "/selected_tick", "/step_count"}},
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
	c.send("POST", "/v1/audios/1", "").wantProblem(t, 405, "method-not-allowed")
}

type list struct {
	ResourceType  string         `json:"resource_type"`
	Count         int            `json:"count"`
	Items         []events.Audio `json:"items"`
	TotalCount    *int           `json:"total_count"`
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
		"?step_count_min=2":             {2},
		"?step_count_max=8&step_count_min=1&selected_tick_min=5":  {0, 1},
		"?step_count=1&step_count_min=2":                          nil,
		"?session_id_min=1":                                       {1, 2},
		"?session_id_min=1&session_id_max=1":                      {1},
		"?session_id_max=0&account_id_min=5&account_id_max=5":     {0},
		"?account_id_max=4":                                       nil,
		"?account_id_min=0":                                       {0, 1},
		"?ids=2,0,7":                                              {0, 2},
		"?ids=2,0,7&order_by=id+desc":                             {2, 0},
		"?order_by=session_id+desc&account_id=5":                  {1, 0},
		"?order_by=created_at":                                    {0, 1, 2},
		"?order_by=updated_at+desc&step_count_max=9":              {2, 1, 0},
		"?updated_since=2026-01-01T00:00:00%2B01:00":              {0, 1, 2},
		"?updated_since=2026-01-01T00:00:00Z&order_by=id+desc":    {2, 1, 0},
		"?updated_since=9999-01-01T00:00:00Z&order_by=created_at": nil,
		"?include_total=false":                                    {0, 1, 2},
	} {
		got, _, link := c.list("/v1/audios" + query)
		if diff := cmp.Diff(want, got); diff != "" || link != "" {
			t.Errorf("%q (-want +got), Link %q:\n%s", query, link, diff)
		}
	}
	c.send("GET", "/v1/audios?session_id=x&account_id=&selected_tick=1.5&step_count=100000000000000000000&page_size=-1", "").
		wantProblem(t, 400, "validation-error", "session_id", "account_id", "selected_tick", "step_count", "page_size")
	c.send("GET", "/v1/audios?b=1&session_id_min=x&ids=&updated_since=today&include_total=1&order_by=name&a=1&step_count=1&step_count=1", "").
		wantProblem(t, 400, "validation-error", "session_id_min", "ids", "step_count", "updated_since", "order_by", "include_total", "a", "b")
	c.send("HEAD", "/v1/audios", "").want(t, http.StatusOK)
}

func TestListWithTotal(t *testing.T) {
	c := start(t)
	for id := range int64(5) {
		c.create(document(id, ""))
	}
	for query, want := range map[string]int{"": 5, "&step_count_min=0": 5, "&session_id_max=3": 4, "&step_count=7": 0} {
		path := "/v1/audios?page_size=2&include_total=true" + query
		_, page, _ := c.list(path)
		if page.TotalCount == nil || *page.TotalCount != want {
			t.Errorf("%s: total_count %v, want %d", path, page.TotalCount, want)
		}
		if page.NextPageToken != "" {
			if _, next, _ := c.list(path + "&page_token=" + page.NextPageToken); *next.TotalCount != want {
				t.Errorf("%s: total_count %v on the next page, want %d", path, *next.TotalCount, want)
			}
		}
	}
	if _, page, _ := c.list("/v1/audios"); page.TotalCount != nil {
		t.Errorf("total_count %d although nobody asked", *page.TotalCount)
	}
}

func TestRoutesTakeTheirParametersAlone(t *testing.T) {
	c := start(t)
	c.create(document(1, ""))
	for _, request := range []string{"GET /v1/audios/1", "HEAD /v1/audios/1", "GET /v1/audios/1/file", "PUT /v1/audios/1", "POST /v1/audios", "DELETE /v1/audios/1"} {
		method, path, _ := strings.Cut(request, " ")
		if method == "HEAD" {
			c.send(method, path+"?b=1", "").want(t, http.StatusBadRequest)
			continue
		}
		c.send(method, path+"?b=1&a=2", "").wantProblem(t, 400, "validation-error", "a", "b")
	}
	c.send("DELETE", "/v1/audios/1?allow_missing=yes", "").wantProblem(t, 400, "validation-error", "allow_missing")
	c.send("GET", "/v1/audios/1/file?v=1&v=2", "").wantProblem(t, 400, "validation-error", "v")
	c.send("GET", "/v1/audios/1/file?v=1", "").want(t, http.StatusOK)
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
			first, next, later := strings.Cut(link, `>; rel="first", `)
			if !later {
				first, next = "", link
			}
			if later != (len(got) > 1) || (later && first != "<"+c.url+"/v1/audios?account_id=5&page_size=2") {
				t.Errorf("Link %q of page %d", link, len(got))
			}
			next, ok := strings.CutPrefix(next, "<"+c.url)
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
	for _, query := range []string{"?page_token=" + page.NextPageToken, "?account_id=5&page_token=x", "?account_id=5&order_by=id+desc&page_token=" + page.NextPageToken} {
		c.send("GET", "/v1/audios"+query, "").wantProblem(t, 400, "invalid-page-token")
	}
}
