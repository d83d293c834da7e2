package e2e

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

func v1Account(c *client) {
	email := uniqueEmail()
	before := time.Now().Add(-time.Minute)
	created := c.json("POST", "/v1/accounts", profile("Jo", strings.ToUpper(email[:3])+email[3:], "1 Way")).expect(201)
	id := created.number("id")
	path := "/v1/accounts/" + id
	want := map[string]any{
		"id": json.Number(id), "name": "Jo", "email": strings.ToUpper(email[:3]) + email[3:], "address": "1 Way", "image": nil,
		"owner": created.object()["owner"], "version": json.Number("1"), "etag": `"1"`, "created_at": created.object()["created_at"], "updated_at": created.object()["created_at"],
	}
	created.equal(want)
	if at, err := time.Parse(time.RFC3339Nano, want["created_at"].(string)); err != nil || at.Before(before) || at.After(time.Now().Add(time.Minute)) {
		c.t.Errorf("created_at is %v", want["created_at"])
	}
	if n, err := strconv.ParseInt(id, 10, 64); err != nil || n < 1 || n > 1<<53-1 {
		c.t.Errorf("id is %s", id)
	}
	if got := created.header.Get("Location"); got != c.url+path {
		c.t.Errorf("Location is %q, want %q", got, c.url+path)
	}
	c.get(path).expect(200).equal(want)
	c.get(path, "If-None-Match", `"1"`).expect(304)
	c.get(path, "If-None-Match", `"0", W/"1"`).expect(304)
	c.get(path, "If-None-Match", `*`).expect(304)

	put := c.json("PUT", path, profile("Joe", email, "")).expect(200)
	want = with(want, map[string]any{"name": "Joe", "email": email, "address": "", "version": json.Number("2"), "etag": `"2"`, "updated_at": put.object()["updated_at"]})
	put.equal(want)
	if etag := put.header.Get("ETag"); etag != `"2"` {
		c.t.Errorf("ETag is %s", etag)
	}
	c.json("PUT", path, profile("Joe", email, "")).expect(200).equal(want)
	c.get(path, "If-None-Match", `"1"`).expect(200).equal(want)

	c.delete(path).expect(204)
	c.get(path).problem(404, "no-such-instance-error")
	c.json("PUT", path, profile("Jo", email, "")).problem(404, "no-such-instance-error")
	c.delete(path).problem(404, "no-such-instance-error")
	c.delete(path+"?allow_missing=false").problem(404, "no-such-instance-error")
	c.delete(path + "?allow_missing=true").expect(204)
}

// page is the body of a v1 list.
type page struct {
	ResourceType  string `json:"resource_type"`
	Count         int
	TotalCount    *int `json:"total_count"`
	Items         []map[string]any
	NextPageToken string `json:"next_page_token"`
}

// pages follows a v1 list from its first page on by the Link header, and
// returns the sizes of its pages and all of its items.
func pages(c *client, path string) (sizes []int, items []map[string]any) {
	c.t.Helper()
	for {
		a := c.get(path).expect(200)
		p := decode[page](a)
		if p.Count != len(p.Items) || p.ResourceType != strings.Split(strings.Trim(path, "/?"), "?")[0][len("v1/"):] {
			c.t.Errorf("%s: resource_type %q, count %d of %d items", a.call, p.ResourceType, p.Count, len(p.Items))
		}
		sizes, items = append(sizes, p.Count), append(items, p.Items...)
		next, ok := nextLink(c, a)
		if ok != (p.NextPageToken != "") {
			c.t.Fatalf("%s: Link is %q, next_page_token %q", a.call, a.header.Get("Link"), p.NextPageToken)
		}
		if !ok {
			return sizes, items
		}
		if u, err := url.Parse(next); err != nil || u.Query().Get("page_token") != p.NextPageToken {
			c.t.Fatalf("%s: Link leads to %q, next_page_token is %q", a.call, next, p.NextPageToken)
		}
		path = next
	}
}

// nextLink returns where a Link header leads to, as a path.
func nextLink(c *client, a answer) (path string, ok bool) {
	c.t.Helper()
	link := a.header.Get("Link")
	if link == "" {
		return "", false
	}
	if first, next, later := strings.Cut(link, `>; rel="first"`); later {
		if strings.Contains(first, "page_token") {
			c.t.Errorf("%s: Link is %q", a.call, link)
		}
		if link = strings.TrimPrefix(next, ", "); link == "" {
			return "", false
		}
	}
	address, ok := strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	path, here := strings.CutPrefix(address, c.url)
	if !ok || !here {
		c.t.Fatalf("%s: Link is %q", a.call, link)
	}
	return path, true
}

func v1AccountPages(c *client) {
	name := "Name " + uniqueEmail()
	var want []string
	for range 7 {
		want = append(want, c.json("POST", "/v1/accounts", profile(name, uniqueEmail(), "")).expect(201).number("id"))
	}
	list := "/v1/accounts?" + url.Values{"name": {name}}.Encode()
	for size, sizes := range map[string][]int{"3": {3, 3, 1}, "7": {7}, "1": {1, 1, 1, 1, 1, 1, 1}, "0": {7}, "1000": {7}, "100000": {7}, "99999999999999999999": {7}} {
		got, items := pages(c.beyond(), list+"&page_size="+size)
		if !slices.Equal(got, sizes) {
			c.t.Errorf("page_size=%s: pages of %d, want %d", size, got, sizes)
		}
		var found []string
		for _, item := range items {
			found = append(found, encode(item["id"]))
		}
		slices.Sort(found)
		slices.Sort(want)
		if diff := cmp.Diff(want, found); diff != "" {
			c.t.Errorf("page_size=%s: -want +got:\n%s", size, diff)
		}
	}
	first := decode[page](c.get(list + "&page_size=3").expect(200))
	token := "&page_token=" + url.QueryEscape(first.NextPageToken)
	c.get(list + "&page_size=2" + token).expect(200) // another size is no other list
	c.get("/v1/accounts?page_size=3"+token).problem(400, "invalid-page-token")
	c.get("/v1/accounts?name=x"+token).problem(400, "invalid-page-token")
	c.get(list+"&email=x"+token).problem(400, "invalid-page-token")
	c.get("/v1/audios?page_size=3"+token).problem(400, "invalid-page-token")
	c.get("/accounts?name=x"+token).problem(400, "invalid-page-token")
	if sizes, _ := pages(c, "/v1/accounts?name=nobody+"+url.QueryEscape(name)); !slices.Equal(sizes, []int{0}) {
		c.t.Errorf("a list of nothing has pages of %d", sizes)
	}
	for i, item := range first.Items {
		c.get("/v1/accounts/" + encode(item["id"])).expect(200).equal(first.Items[i])
	}
}

func v1Audio(c *client) {
	account, _ := newAccount(c)
	session := newSession()
	session["account_id"] = json.Number(account)
	path := "/v1/audios" + sessionPath(session)
	document := encode(with(session, map[string]any{"version": 9, "created_at": nil, "x": map[string]any{"y": nil}}))
	created := c.json("POST", "/v1/audios", document).expect(201)
	o := created.object()
	want := with(session, map[string]any{
		"file_url": o["file_url"], "owner": o["owner"], "version": json.Number("1"), "etag": `"1"`, "created_at": o["created_at"], "updated_at": o["created_at"],
	})
	created.equal(want)
	if since := time.Since(instant(c, o["created_at"])); since.Abs() > time.Minute {
		c.t.Errorf("created_at is %v", o["created_at"])
	}
	if got := created.header.Get("Location"); got != c.url+path {
		c.t.Errorf("Location is %q, want %q", got, c.url+path)
	}
	c.get(path).expect(200).equal(want)
	c.get(path, "If-None-Match", `"1"`).expect(304)
	c.get("/audios" + sessionPath(session)).expect(200).equal(decode[map[string]any](answer{t: c.t, body: []byte(without(session, "account_id"))}))

	c.json("PUT", path, document).expect(200).equal(want) // no change
	put := c.json("PUT", path, without(session, "account_id")).expect(200)
	want = with(want, map[string]any{
		"account_id": nil, "version": json.Number("2"), "etag": `"2"`, "updated_at": put.object()["updated_at"], "file_url": put.object()["file_url"],
	})
	put.equal(want)
	c.get(path, "If-None-Match", `"1"`).expect(200).equal(want)
	c.json("PUT", path, encode(with(session, map[string]any{"account_id": nil}))).expect(200)
	c.json("PUT", path, encode(newSession())).problem(400, "validation-error", "/session_id")
	missing := newSession()
	c.json("PUT", "/v1/audios"+sessionPath(missing), encode(missing)).problem(404, "no-such-instance-error")

	c.delete(path).expect(204)
	c.get(path).problem(404, "no-such-instance-error")
	c.delete(path).problem(404, "no-such-instance-error")
	c.delete(path+"?allow_missing=false").problem(404, "no-such-instance-error")
	c.delete(path + "?allow_missing=true").expect(204)
}

// v1AudioAnew checks that no ETag of a session is ever used twice.
func v1AudioAnew(c *client) {
	session := newSession()
	path := "/v1/audios" + sessionPath(session)
	for _, version := range []string{"1", "3", "5"} { // the deletions are 2 and 4
		created := c.json("POST", "/v1/audios", encode(session)).expect(201)
		if got := created.number("version"); got != version || created.header.Get("ETag") != strconv.Quote(version) {
			c.t.Errorf("version is %s, ETag %s, want %s", got, created.header.Get("ETag"), version)
		}
		c.delete(path).expect(204)
	}
}

func v1AudioPages(c *client) {
	account, _ := newAccount(c)
	var want []string
	for i := range 7 {
		session := newSession()
		session["account_id"] = json.Number(account)
		session["selected_tick"] = json.Number(strconv.Itoa(i % 2))
		c.json("POST", "/v1/audios", encode(session)).expect(201)
		want = append(want, encode(session["session_id"]))
	}
	slices.Sort(want)
	list := "/v1/audios?account_id=" + account
	for size, sizes := range map[string][]int{"3": {3, 3, 1}, "1": {1, 1, 1, 1, 1, 1, 1}, "7": {7}, "0": {7}} {
		got, items := pages(c, list+"&page_size="+size)
		var found []string
		for _, item := range items {
			found = append(found, encode(item["session_id"]))
		}
		slices.Sort(found)
		if !slices.Equal(got, sizes) || !slices.Equal(found, want) {
			c.t.Errorf("page_size=%s: pages of %d with %q, want %d with %q", size, got, found, sizes, want)
		}
	}
	for query, count := range map[string]int{
		"&selected_tick=0": 4, "&selected_tick=1": 3, "&selected_tick=2": 0, "&step_count=1": 7, "&step_count=1&selected_tick=1": 3, "&step_count=0": 0,
		"&session_id=" + want[0]: 1, "&session_id=" + encode(uniqueSession()): 0,
	} {
		if _, items := pages(c, list+query); len(items) != count {
			c.t.Errorf("%s: %d items, want %d", query, len(items), count)
		}
	}
	first := decode[page](c.get(list + "&page_size=3").expect(200))
	if first.TotalCount != nil {
		c.t.Errorf("total_count is %d although nobody asked", *first.TotalCount)
	}
	token := "&page_token=" + url.QueryEscape(first.NextPageToken)
	c.beyond().get("/v1/audios?account_id=0" + account + token).expect(200) // another spelling is no other list
	c.get("/v1/audios?account_id=1"+token).problem(400, "invalid-page-token")
	c.get(list+"&step_count=1"+token).problem(400, "invalid-page-token")
	c.get("/v1/accounts?page_size=3"+token).problem(400, "invalid-page-token")
	for i, item := range first.Items {
		c.get("/v1/audios/" + encode(item["session_id"])).expect(200).equal(first.Items[i])
	}
}

// listParameters sends parameters that no list accepts.
func listParameters(c *client) {
	for _, list := range []string{"/v1/accounts", "/v1/audios"} {
		for _, size := range []string{"", "-1", "x", "1.5", "1e2", "0x10", "%201", "%2B2", "-99999999999999999999"} {
			c.get(list+"?page_size="+size).problem(400, "validation-error", "page_size")
		}
		for _, token := range []string{"x", "AAAA", "%00", "a%0Ab", strings.Repeat("A", 5000), "AQAAAAAAAAAA"} {
			c.get(list+"?page_token="+token).problem(400, "invalid-page-token")
			c.get(strings.TrimPrefix(list, "/v1")+"?page_token="+token).problem(400, "invalid-page-token")
		}
		for _, since := range []string{"0000-01-01T00:00:00Z", "0001-01-01T00:00:00%2B12:00", "1677-01-01t00:00:00z", "9999-12-31T23:59:59.999999Z"} {
			for _, order := range []string{"", "&order_by=updated_at+desc", "&order_by=created_at", "&order_by=id"} {
				c.beyond().get(list + "?page_size=1&updated_since=" + since + order).expect(200)
			}
		}
		for _, since := range []string{"9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59-01:00", "2026-11-23T5:00:00Z", "2026-11-23T15:00:00,5Z", "2026-11-23T15:00:00%2B24:30"} {
			c.get(list+"?page_size=1&updated_since="+since).problem(400, "validation-error", "updated_since")
		}
		// However long ago, it is there: the order is that of updates.
		oldest := decode[page](c.beyond().get(list + "?page_size=1&updated_since=0001-01-01T00:00:00Z").expect(200))
		if oldest.NextPageToken != "" {
			c.get(list+"?page_size=1&order_by=id&updated_since=0001-01-01T00:00:00Z&page_token="+oldest.NextPageToken).problem(400, "invalid-page-token")
		}
	}
	for _, parameter := range []string{"session_id", "selected_tick", "step_count"} {
		for _, wrong := range []string{"x", "1.5", "true", "99999999999999999999", "%20"} {
			c.get("/v1/audios?"+parameter+"="+wrong).problem(400, "validation-error", parameter)
			c.get("/audios?"+parameter+"="+wrong).problem(400, "validation-error", parameter)
		}
	}
	for parameter, wrong := range map[string]string{
		"ids": "1,x", "updated_since": "today", "order_by": "name", "include_total": "yes", "unknown": "1", "Page_size": "1",
	} {
		for _, list := range []string{"/v1/accounts", "/v1/audios"} {
			c.get(list+"?"+parameter+"="+wrong).problem(400, "validation-error", parameter)
			c.get(list+"?page_size=1&page_size=1&"+parameter+"="+wrong).problem(400, "validation-error", parameter, "page_size")
			c.beyond().get(strings.TrimPrefix(list, "/v1") + "?session_id=0&name=&" + parameter + "=" + wrong).expect(200)
		}
	}
	for _, path := range []string{"/v1/accounts/1", "/v1/audios/1", "/v1/accounts/1/image", "/v1/audios/1/file"} {
		c.get(path+"?x=1&name=1").problem(400, "validation-error", "x", "name")
	}
	c.get("/v1/audios/1/file?v=1&v=2").problem(400, "validation-error", "v")
	for _, path := range []string{"/v1/accounts/1", "/v1/audios/1"} {
		c.delete(path+"?allow_missing=maybe").problem(400, "validation-error", "allow_missing")
		c.delete(path+"?x=1").problem(400, "validation-error", "x")
		c.json("PUT", path+"?x=1", "{}").problem(400, "validation-error", "x")
	}
	c.delete("/v1/accounts/1/image?x=1").problem(400, "validation-error", "x")
	c.json("PUT", "/v1/accounts/1/image?x=1", "{}").problem(400, "validation-error", "x")
	c.json("POST", "/v1/accounts?x=1", "{}").problem(400, "validation-error", "x")
	c.json("POST", "/v1/audios?x=1", "{}").problem(400, "validation-error", "x")
	c.get("/v1/audios?account_id=x").problem(400, "validation-error", "account_id")
	c.get("/v1/audios?b=1&account_id=&session_id_min=x&step_count=1&step_count=1&ids=&updated_since=today&include_total=1&order_by=name&page_size=-1&a=1").
		problem(400, "validation-error", "account_id", "session_id_min", "step_count", "ids", "updated_since", "include_total", "order_by", "page_size", "a", "b")
	for _, garbage := range []string{"?%zz", "?name=%", "?;;", "?a;b=c", "?=&&&=", "?" + strings.Repeat("name=x&", 2000)} {
		for _, list := range []string{"/accounts", "/audios", "/v1/accounts", "/v1/audios"} {
			if a := c.get(list + garbage); a.status != 200 && a.status != 400 {
				c.t.Errorf("%s: answered %d: %s", a.call, a.status, a.body)
			}
		}
	}
}

func v1AudioFile(c *client) {
	session := newSession()
	path := "/v1/audios" + sessionPath(session)
	for i, document := range []string{
		encode(session),
		"  {\n\t\"x\": [ 1e300, \"\\u00e9 é\" ],\r\n" + strings.TrimPrefix(encode(session), "{") + "\n\n",
		strings.Repeat(" ", 1<<20-len(encode(session))) + encode(session),
	} {
		method, target := "PUT", path
		if i == 0 {
			method, target = "POST", "/v1/audios"
		}
		fileServed(c, path, c.json(method, target, document), document)
		session["step_count"] = json.Number(strconv.Itoa(i + 2))
	}
	document := "\n" + encode(session)
	fileServed(c, path, c.form("PUT", path, part{key: "audio", name: "x.json", content: document}), document)
	// The same values in other bytes are another file; the same bytes are none.
	version := c.get(path).number("version")
	if same := c.json("PUT", path, document).expect(200).number("version"); same != version {
		c.t.Errorf("version went from %s to %s by the same document", version, same)
	}
	etag := c.head(path + "/file").header.Get("ETag")
	c.json("PUT", path, document+" ").expect(200)
	if got := c.get(path+"/file", "If-None-Match", etag).expect(200); string(got.body) != document+" " {
		c.t.Errorf("the file is %q", got.body)
	}
	if part := c.get(path+"/file", "Range", "bytes=1-4").expect(206); string(part.body) != document[1:5] {
		c.t.Errorf("a range of the file is %q", part.body)
	}
	ranges(c, path+"/file")
	c.delete(path).expect(204)
	c.get(path+"/file").problem(404, "no-such-instance-error")
	c.get("/v1/audios"+sessionPath(newSession())+"/file").problem(404, "no-such-instance-error")
}

// fileServed checks the file of an audio that was just written.
func fileServed(c *client, path string, written answer, document string) {
	c.t.Helper()
	if written.status != 201 {
		written.expect(200)
	}
	address, _ := written.object()["file_url"].(string)
	relative, here := strings.CutPrefix(address, c.url)
	if !here || !strings.HasPrefix(relative, path+"/file?v=") {
		c.t.Fatalf("file_url %q is not that of %s%s", address, c.url, path)
	}
	for _, file := range []string{relative, path + "/file", path + "/file?v=another"} {
		got := c.get(file).expect(200)
		if string(got.body) != document {
			c.t.Errorf("the file has %d bytes of %d, or others", len(got.body), len(document))
		}
		if got.header.Get("Content-Type") != "application/json" {
			c.t.Errorf("the file is of type %q", got.header.Get("Content-Type"))
		}
		etag := got.header.Get("ETag")
		c.get(file, "If-None-Match", etag).expect(304)
		head := c.head(file).expect(200)
		if head.header.Get("ETag") != etag || head.header.Get("Content-Length") != strconv.Itoa(len(document)) {
			c.t.Errorf("HEAD has ETag %s, Content-Length %s", head.header.Get("ETag"), head.header.Get("Content-Length"))
		}
	}
}
