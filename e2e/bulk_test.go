package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// lines sends a body of application/x-ndjson.
func (c *client) lines(path string, items []string, header ...string) answer {
	c.t.Helper()
	return c.do(call{
		method: "POST", path: path, body: strings.Join(items, "\n"),
		header: append([]string{"Content-Type", "application/x-ndjson"}, header...),
	})
}

// batchResult is the result of one item of a batch.
type batchResult struct {
	Status   int
	Location string
	Resource map[string]any
	Problem  json.RawMessage
}

// results returns the results of a batch and reports statuses other than these.
func (a answer) results(statuses ...int) []batchResult {
	a.t.Helper()
	results := decode[struct{ Results []batchResult }](a.expect(200)).Results
	var got []int
	for _, r := range results {
		got = append(got, r.Status)
	}
	if !slices.Equal(got, statuses) {
		a.t.Fatalf("%s: statuses %d, want %d: %s", a.call, got, statuses, a.body)
	}
	return results
}

// itemProblem reports a result that is not this problem.
func (a answer) itemProblem(r batchResult, name string, pointers ...string) {
	a.t.Helper()
	answer{t: a.t, call: a.call, status: r.Status, body: r.Problem}.problem(r.Status, name, pointers...)
}

func array(items []string) string { return "[" + strings.Join(items, ",\n") + "]" }

func accountBatch(c *client) {
	_, old := newAccount(c)
	email, last := uniqueEmail(), uniqueEmail()
	items := []string{
		profile("Jo", email, "1 Way"), profile("Joe", email, ""), `{"name":1,"email":"x"}`,
		profile("Old", old["email"].(string), ""), `{"name"`, `"Jo"`, profile("Last", last, ""),
	}
	a := c.beyond().lines("/v1/accounts:batch", items)
	results := a.results(201, 409, 400, 409, 400, 400, 201)
	a.itemProblem(results[1], "already-exists")
	a.itemProblem(results[2], "validation-error", "/name", "/email", "/address")
	a.itemProblem(results[3], "already-exists")
	a.itemProblem(results[4], "malformed-request", "")
	a.itemProblem(results[5], "validation-error", "")
	for i, email := range map[int]string{0: email, 6: last} {
		created := results[i]
		c.get(strings.TrimPrefix(created.Location, c.url)).expect(200).equal(created.Resource)
		if created.Resource["email"] != email || created.Resource["version"] != json.Number("1") {
			c.t.Errorf("result %d is %v", i, created.Resource)
		}
		events := c.get("/v1/accounts/" + encode(created.Resource["id"]) + "/events").expect(200).array()
		if len(events) != 1 || events[0]["type"] != "concha.account.created.v1" {
			c.t.Errorf("the history has %v", events)
		}
	}
	c.json("POST", "/v1/accounts:batch", array([]string{profile("Jo", uniqueEmail(), ""), profile("Jo", uniqueEmail(), "")})).results(201, 201)
}

func audioBatch(c *client) {
	account, _ := newAccount(c)
	first, second, old := newSession(), newSession(), newSession()
	c.json("POST", "/v1/audios", encode(old)).expect(201)
	first["account_id"] = json.Number(account)
	document := ` { "note": "1e3", ` + encode(second)[1:] + "  \r"
	a := c.beyond().lines("/v1/audios:batch", []string{encode(first), "", document, encode(first), encode(old), "{}", `{"session_id":"` + strings.Repeat("x", 1<<20) + `"}`, ""})
	results := a.results(201, 201, 409, 409, 400, 413)
	a.itemProblem(results[2], "already-exists")
	a.itemProblem(results[3], "already-exists")
	a.itemProblem(results[4], "validation-error", "/session_id", "/ticks", "/selected_tick", "/step_count")
	a.itemProblem(results[5], "payload-too-large")
	for i, session := range []map[string]any{first, second} {
		path := "/v1/audios" + sessionPath(session)
		if results[i].Location != c.url+path {
			c.t.Errorf("location is %q", results[i].Location)
		}
		c.get(path).expect(200).equal(results[i].Resource)
	}
	if got := string(c.get("/v1/audios" + sessionPath(second) + "/file").expect(200).body); got != strings.TrimSpace(document) {
		c.t.Errorf("the file is %q", got)
	}
	// Deleted and created again, a session goes on from its version.
	c.delete("/v1/audios" + sessionPath(second)).expect(204)
	again := c.json("POST", "/v1/audios:batch", array([]string{encode(second)})).results(201)
	if again[0].Resource["version"] != json.Number("3") {
		c.t.Errorf("created again: %v", again[0].Resource)
	}
}

func batchInput(c *client) {
	for _, collection := range []string{"/v1/accounts", "/v1/audios"} {
		path := collection + ":batch"
		c.lines(path, []string{"", " \r", "\t"}).problem(400, "validation-error", "")
		c.json("POST", path, "[]").problem(400, "validation-error", "")
		c.json("POST", path, "{}").problem(400, "validation-error", "")
		empty := c.json("POST", path, "")
		empty.problem(400, "malformed-request", "")
		if !strings.Contains(string(empty.body), "send a JSON array") {
			c.t.Errorf("%s: %s", empty.call, empty.body)
		}
		c.json("POST", path, "[{},]").problem(400, "malformed-request", "")
		c.lines(path, slices.Repeat([]string{"{}"}, 1001)).problem(400, "validation-error", "")
		c.json("POST", path, array(slices.Repeat([]string{"{}"}, 1001))).problem(400, "validation-error", "")
		c.beyond().lines(path, slices.Repeat([]string{"{}"}, 1000)).results(slices.Repeat([]int{400}, 1000)...)
		c.lines(path, []string{strings.Repeat(" ", 6<<20), "{}"}).problem(413, "payload-too-large")
		c.do(call{method: "POST", path: path, body: "{}", header: []string{"Content-Type", "text/plain"}}).problem(415, "unsupported-media-type")
		c.json("POST", path+"?x=1", "[{}]").problem(400, "validation-error", "x")
		c.json("POST", path, "[{}]", "Idempotency-Key", "").problem(400, "validation-error", "Idempotency-Key")
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if a := c.do(call{method: method, path: path}); a.status != 405 || a.header.Get("Allow") != "POST" {
				c.t.Errorf("%s: %d, Allow %q", a.call, a.status, a.header.Get("Allow"))
			}
		}
		c.json("POST", collection+":export", "{}").problem(405, "method-not-allowed")
		for _, other := range []string{path + "/", path + "x", collection + ":", collection + ":import", strings.TrimPrefix(path, "/v1")} {
			c.json("POST", other, "[{}]").problem(404, "no-such-route")
		}
		c.get(collection+":export?page_size=1&page_token=x&include_total=true&x=1&order_by=x").
			problem(400, "validation-error", "page_size", "page_token", "include_total", "x", "order_by")
	}
}

func batchTwice(c *client) {
	session, email, key := newSession(), uniqueEmail(), rand.Text()
	for path, items := range map[string][]string{
		"/v1/accounts": {profile("Jo", email, ""), profile("Jo", email, ""), "{}"},
		"/v1/audios":   {encode(session), encode(session), "{}"},
	} {
		first := c.beyond().lines(path+":batch", items, "Idempotency-Key", key)
		results := first.results(201, 409, 400)
		c.beyond().lines(path+":batch", items, "Idempotency-Key", key).sameAnswer(first)
		c.delete(strings.TrimPrefix(results[0].Location, c.url)).expect(204)
		c.beyond().lines(path+":batch", items, "Idempotency-Key", key).results(404, 409, 400)
		c.get(strings.TrimPrefix(results[0].Location, c.url)).problem(404, "no-such-instance-error")
		c.lines(path+":batch", items[:1], "Idempotency-Key", key).problem(422, "idempotency-key-reused")
		// One key for each route.
		body := map[string]string{"/v1/accounts": profile("Jo", uniqueEmail(), ""), "/v1/audios": encode(newSession())}[path]
		c.json("POST", path, body, "Idempotency-Key", key).expect(201)
	}
}

// batchStorm sends a batch of more than one group from many connections at
// once. A request that arrives while it is in progress is refused as such.
func batchStorm(c *client) {
	storm(c, 120, 50)
}

// largeBatch sends a batch of several groups twice at once.
func largeBatch(c *client) {
	storm(c, c.volume.batch, 2)
}

func storm(c *client, size, connections int) {
	account, _ := newAccount(c)
	items := make([]string, size)
	for i := range items {
		items[i] = encode(with(newSession(), map[string]any{"account_id": json.Number(account)}))
	}
	items[size-1] = items[0] // which is refused
	statuses := append(slices.Repeat([]int{201}, size-1), 409)
	body, key := array(items), rand.Text()
	send := func() answer { return c.json("POST", "/v1/audios:batch", body, "Idempotency-Key", key) }
	var mu sync.Mutex
	var answers []answer
	atOnce(connections, connections, func(int) {
		a := send()
		if a.status == 409 {
			a.problem(409, "request-in-progress")
			return
		}
		mu.Lock()
		defer mu.Unlock()
		answers = append(answers, a)
	})
	first := send()
	first.results(statuses...)
	if len(answers) == 0 {
		c.t.Error("all requests were refused")
	}
	for _, a := range answers {
		a.sameAnswer(first)
	}
	created := exported(c, "/v1/audios:export?account_id="+account)
	if len(created) != size-1 {
		c.t.Errorf("%d sessions, want %d", len(created), size-1)
	}
	for _, a := range created[:min(len(created), 20)] {
		history := c.get("/v1/audios" + sessionPath(a) + "/events").expect(200).array()
		if len(history) != 1 || a["version"] != json.Number("1") {
			c.t.Errorf("%v has %d events", a, len(history))
		}
	}
}

// exported returns the lines of an export.
func exported(c *client, path string, header ...string) (items []map[string]any) {
	c.t.Helper()
	a := c.get(path, header...).expect(200)
	if got := a.header.Get("Content-Type"); got != "application/x-ndjson" {
		c.t.Errorf("%s: Content-Type is %q", a.call, got)
	}
	if len(a.body) > 0 && !bytes.HasSuffix(a.body, []byte("\n")) {
		c.t.Errorf("%s: the last line does not end", a.call)
	}
	for line := range bytes.Lines(a.body) {
		items = append(items, decode[map[string]any](answer{t: a.t, call: a.call, body: line}))
	}
	return items
}

func export(c *client) {
	name := "Name " + uniqueEmail()
	account, _ := newAccount(c)
	var profiles, sessions []string
	for range 20 {
		profiles = append(profiles, profile(name, uniqueEmail(), "<é>"))
		session := newSession()
		session["account_id"] = json.Number(account)
		sessions = append(sessions, encode(session))
	}
	c.lines("/v1/accounts:batch", profiles).expect(200)
	c.lines("/v1/audios:batch", sessions).expect(200)
	for collection, query := range map[string]string{
		"/v1/accounts": "?" + url.Values{"name": {name}}.Encode(),
		"/v1/audios":   "?account_id=" + account,
	} {
		for _, order := range []string{"", "&order_by=id+desc", "&order_by=created_at", "&updated_since=2020-01-01T00:00:00Z"} {
			_, want := pages(c, collection+query+order)
			for _, coding := range []string{"identity", "gzip"} {
				got := exported(c, collection+":export"+query+order, "Accept-Encoding", coding)
				if len(got) != 20 || encode(got) != encode(want) {
					c.t.Errorf("%s%s: %d lines of %d, or others", collection, order, len(got), len(want))
				}
			}
		}
		c.head(collection + ":export" + query).expect(200)
		if got := exported(c, collection+":export?ids=0"); len(got) != 0 && collection == "/v1/accounts" {
			c.t.Errorf("an export of nothing has %d lines", len(got))
		}
	}
}
