package e2e

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func readFile(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func routes(c *client) {
	for _, path := range []string{
		"/nope", "/v1", "/v1/", "/v1/nope", "/v2/accounts", "/v1/accounts/", "/v1/audios/", "/v1/accounts/1/", "/v1/accounts/1/nope", "/v1/events", "/v1/events/nope", "/v1/events/accounts/1", "/v1/audios/1/nope",
		"/accounts/1/nope", "/accounts/1/image", "/accounts/1/upload_image/x", "//accounts", "/Accounts", "/accounts%2f1", "/v1/accounts%2F1",
		"/v1/../accounts", "/%76%31/nope", "/livez/", "/readyz/", "/favicon.ico", "/.env", "/docs/nope", "/docs/../x", "/problems/a/b",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			c.do(call{method: method, path: path}).problem(404, "no-such-route")
		}
		c.head(path).expect(404)
	}
	c.get("/accounts//").problem(404, "no-such-route")
	id, _ := newAccount(c)
	for _, path := range []string{"/v1/%61ccounts/" + id, "/%76%31/accounts/" + id, "/%61ccounts/" + id, "/v1/accounts/%3" + id[:1] + id[1:]} {
		c.get(path).expect(200)
	}
	for path, allowed := range map[string][]string{
		"/accounts":                         {"GET", "HEAD", "POST"},
		"/accounts/":                        {"GET", "HEAD", "POST"},
		"/accounts/" + id:                   {"DELETE", "GET", "HEAD", "PUT"},
		"/accounts/" + id + "/upload_image": {"POST"},
		"/audios":                           {"GET", "HEAD", "POST"},
		"/audios/1/":                        {"DELETE", "GET", "HEAD", "PUT"},
		"/ping":                             {"GET", "HEAD"},
		"/":                                 {"GET", "HEAD"},
		"/console":                          {"GET", "HEAD"},
		"/v1/caller":                        {"GET", "HEAD"},
		"/docs":                             {"GET", "HEAD"},
		"/livez":                            {"GET", "HEAD"},
		"/v1/accounts":                      {"GET", "HEAD", "POST"},
		"/v1/accounts/" + id:                {"DELETE", "GET", "HEAD", "PATCH", "PUT"},
		"/v1/accounts/" + id + "/image":     {"DELETE", "GET", "HEAD", "PUT"},
		"/v1/audios":                        {"GET", "HEAD", "POST"},
		"/v1/audios/1":                      {"DELETE", "GET", "HEAD", "PATCH", "PUT"},
		"/v1/audios/1/file":                 {"GET", "HEAD"},
		"/v1/accounts/" + id + "/events":    {"GET", "HEAD"},
		"/v1/audios/1/events":               {"GET", "HEAD"},
		"/v1/events/accounts":               {"GET", "HEAD"},
		"/v1/events/audios":                 {"GET", "HEAD"},
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			if slices.Contains(allowed, method) {
				continue
			}
			a := c.do(call{method: method, path: path}).expect(405)
			if method != "HEAD" {
				a.problem(405, "method-not-allowed")
			}
			if got := regexp.MustCompile(`[A-Z]+`).FindAllString(a.header.Get("Allow"), -1); !slices.Equal(allowed, slices.Sorted(slices.Values(got))) {
				c.t.Errorf("%s: Allow is %q, want %q", a.call, got, allowed)
			}
		}
	}
}

// ids checks that a malformed id is answered like an unknown one.
func ids(c *client) {
	for _, id := range []string{
		"0", "-1", "+1", "01", "1.0", "1e3", "x", "9007199254740992", "99999999999999999999", "%31%2e0", "%20", "%00", "%ff", "..%2f", "1%2F2", "١", "null", "*", "'", "%25", "1;x", "a:b",
		strings.Repeat("9", 3000),
	} {
		for _, resource := range []string{"/accounts/" + id, "/v1/accounts/" + id, "/audios/" + id, "/v1/audios/" + id} {
			if id == "0" && strings.Contains(resource, "audios") {
				continue // is a session_id
			}
			c.get(resource).problem(404, "no-such-instance-error")
			if strings.HasPrefix(resource, "/v1") {
				c.delete(resource).problem(404, "no-such-instance-error")
				c.beyond().delete(resource + "?allow_missing=true").expect(204)
			} else {
				c.beyond().delete(resource).expect(200)
			}
		}
		c.json("PUT", "/accounts/"+id, profile("Jo", uniqueEmail(), "")).problem(404, "no-such-instance-error")
		c.json("PUT", "/v1/accounts/"+id, profile("Jo", uniqueEmail(), "")).problem(404, "no-such-instance-error")
		c.get("/v1/accounts/"+id+"/image").problem(404, "no-such-instance-error")
		if id == "0" {
			continue
		}
		c.json("PUT", "/audios/"+id, encode(newSession())).problem(404, "no-such-instance-error")
		c.json("PUT", "/v1/audios/"+id, encode(newSession())).problem(404, "no-such-instance-error")
		c.get("/v1/audios/"+id+"/file").problem(404, "no-such-instance-error")
	}
}

// heads checks that HEAD answers as GET does for a client that accepts no
// compression. HEAD is never compressed.
func heads(c *client) {
	account, _ := newAccount(c)
	c.form("PUT", "/v1/accounts/"+account+"/image", part{key: "image", name: "a.png", contentType: "image/png", content: pngOf(1, 1)}).expect(200)
	session := newSession()
	c.json("POST", "/audios", encode(with(session, map[string]any{"note": strings.Repeat("x", 3000)}))).expect(201)
	long := c.json("POST", "/v1/accounts", profile("Jo", uniqueEmail(), strings.Repeat("é<&", 340))).expect(201).number("id")
	for _, path := range []string{
		"/accounts/" + long, "/v1/accounts/" + long, "/v1/accounts/" + long + "/events", "/v1/accounts?ids=" + strings.Repeat(long+",", 2) + long,
		"/", "/console", "/v1/caller", "/ping", "/docs", "/docs/openapi.yaml", "/docs/asyncapi.yaml", "/schemas/concha.audio.created.v1.json", "/schemas/nope", "/livez", "/readyz", "/problems/internal", "/problems/nope", "/accounts/" + account, "/accounts/" + account + "/",
		"/accounts?name=nobody", "/accounts/0", "/audios?session_id=" + encode(session["session_id"]), "/audios" + sessionPath(session), "/v1/accounts/" + account,
		"/v1/accounts/0", "/v1/accounts/" + account + "/image", "/v1/accounts?name=nobody", "/v1/accounts?page_size=-1", "/v1/audios" + sessionPath(session),
		"/v1/audios" + sessionPath(session) + "/file", "/v1/audios?session_id=" + encode(session["session_id"]),
		"/v1/events/accounts?limit=1", "/v1/events/audios?limit=0", "/v1/accounts/" + account + "/events", "/v1/audios" + sessionPath(session) + "/events",
	} {
		for _, coding := range []string{"identity", "gzip"} {
			headAsGet(c, path, coding)
		}
	}
}

func headAsGet(c *client, path, coding string) {
	get := c.get(path, "Accept-Encoding", "identity")
	head := c.head(path, "Accept-Encoding", coding).expect(get.status)
	for _, name := range []string{"ETag", "Content-Type", "Content-Encoding", "Vary", "Link", "Cache-Control"} {
		if got, want := head.header.Values(name), get.header.Values(name); !slices.Equal(got, want) {
			c.t.Errorf("%s, %s: %s is %q, of GET %q", head.call, coding, name, got, want)
		}
	}
	length := head.header.Get("Content-Length")
	if length != "" && length != get.header.Get("Content-Length") && get.status == 200 {
		c.t.Errorf("%s, %s: Content-Length is %s, of GET %s", head.call, coding, length, get.header.Get("Content-Length"))
	}
}

func compression(c *client) {
	created := c.json("POST", "/v1/accounts", profile("Jo", uniqueEmail(), strings.Repeat("1 Way ", 170))).expect(201)
	for _, path := range []string{"/v1/accounts/", "/accounts/"} {
		path += created.number("id")
		plain, zipped := c.get(path).expect(200), c.get(path, "Accept-Encoding", "gzip").expect(200)
		zipped.same(plain)
		if h := plain.header; h.Get("ETag") != `"1"` || h.Get("Content-Encoding") != "" {
			c.t.Errorf("%s: ETag %s, encoding %q", plain.call, h.Get("ETag"), h.Get("Content-Encoding"))
		}
		if h := zipped.header; h.Get("ETag") != `"1-gzip"` || h.Get("Content-Encoding") != "gzip" {
			c.t.Errorf("%s: ETag %s, encoding %q, want it compressed", zipped.call, h.Get("ETag"), h.Get("Content-Encoding"))
		}
		for _, a := range []answer{plain, zipped} {
			if a.header.Get("Vary") != "Accept-Encoding" || a.header.Get("Cache-Control") != "private, no-cache" {
				c.t.Errorf("%s: Vary %q, Cache-Control %q", a.call, a.header.Get("Vary"), a.header.Get("Cache-Control"))
			}
			again := c.get(path, "If-None-Match", a.header.Get("ETag")).expect(304)
			if again.header.Get("ETag") != a.header.Get("ETag") {
				c.t.Errorf("%s: ETag %s of 304, want %s", again.call, again.header.Get("ETag"), a.header.Get("ETag"))
			}
		}
	}
	if a := c.get("/v1/events/accounts", "Accept-Encoding", "gzip"); !slices.Contains(a.header.Values("Vary"), "Accept-Encoding") || !slices.Contains(a.header.Values("Vary"), "Accept") {
		c.t.Errorf("%s: Vary %q", a.call, a.header.Values("Vary"))
	}
	if a := c.get("/v1/accounts/0", "Accept-Encoding", "gzip"); a.header.Get("Cache-Control") != "no-store" {
		c.t.Errorf("%s: Cache-Control %q of a problem", a.call, a.header.Get("Cache-Control"))
	}
}

func requestIDs(c *client) {
	for _, path := range []string{"/ping", "/accounts/0", "/v1/accounts/0", "/nope"} {
		if a, b := c.get(path).header.Get("X-Request-Id"), c.get(path).header.Get("X-Request-Id"); a == b {
			c.t.Errorf("%s: two requests have the id %s", path, a)
		}
		for _, id := range []string{"a", "Abc.1_2-3", strings.Repeat("x", 128)} {
			if got := c.get(path, "X-Request-Id", id).header.Get("X-Request-Id"); got != id {
				c.t.Errorf("%s: the id %q became %q", path, id, got)
			}
			// Whatever Connection says, the id goes through.
			if got := c.get(path, "X-Request-Id", id, "Connection", "X-Request-Id").header.Get("X-Request-Id"); got != id {
				c.t.Errorf("%s: the id %q became %q", path, id, got)
			}
		}
		for _, id := range []string{"a b", "ä", `"x"`, "<script>", strings.Repeat("x", 129), "a/b"} {
			got := c.get(path, "X-Request-Id", id).header.Values("X-Request-Id")
			if len(got) != 1 || got[0] == id || !regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`).MatchString(got[0]) {
				c.t.Errorf("%s: the id %q became %q", path, id, got)
			}
		}
	}
}

// forwardingHeaders checks that a client cannot choose the origin in answers.
func forwardingHeaders(c *client) {
	id, _ := newAccount(c)
	c.form("PUT", "/v1/accounts/"+id+"/image", part{key: "image", name: "a.png", contentType: "image/png", content: pngOf(1, 1)}).expect(200)
	for _, header := range [][]string{
		{"X-Forwarded-Host", "evil.example"},
		{"X-Forwarded-Proto", "https"},
		{"Forwarded", "host=evil.example;proto=https"},
		{"X-Forwarded-Prefix", "/evil"},
		{"X-Forwarded-For", "1.2.3.4"},
		{"X-Original-Host", "evil.example"},
		{"Connection", "X-Forwarded-Host, X-Forwarded-Proto", "X-Forwarded-Host", "evil.example"},
	} {
		for _, a := range []answer{
			c.get("/accounts/"+id, header...), c.get("/v1/accounts/"+id, header...), c.get("/v1/accounts?page_size=1", header...), c.get("/nope", header...),
			c.json("POST", "/accounts", profile("Jo", uniqueEmail(), ""), header...), c.json("POST", "/v1/accounts", profile("Jo", uniqueEmail(), ""), header...),
		} {
			text := string(a.body) + a.header.Get("Location") + a.header.Get("Link")
			if strings.Contains(text, "evil") || strings.Contains(text, "https://") {
				c.t.Errorf("%s with %q: %s", a.call, header, text)
			}
		}
	}
}

// bodyLimits sends bodies that are too large, with and without saying so.
func bodyLimits(c *client) {
	id, _ := newAccount(c)
	session := newSession()
	c.json("POST", "/audios", encode(session)).expect(201)
	const limit = 1 << 20
	padded := func(body string, size int) string { return body + strings.Repeat(" ", size-len(body)) }
	for _, route := range [][3]string{
		{"PUT", "/accounts/" + id, profile("Jo", uniqueEmail(), "")},
		{"PUT", "/v1/accounts/" + id, profile("Jo", uniqueEmail(), "")},
		{"PUT", "/audios" + sessionPath(session), encode(session)},
		{"PUT", "/v1/audios" + sessionPath(session), encode(session)},
	} {
		for _, chunked := range []bool{false, true} {
			send := func(body string) answer {
				return c.do(call{method: route[0], path: route[1], body: body, chunked: chunked, header: []string{"Content-Type", "application/json"}})
			}
			send(padded(route[2], limit)).expect(200)
			send(padded(route[2], limit+1)).problem(413, "payload-too-large")
			send(padded(route[2], 7<<20)).problem(413, "payload-too-large")
		}
	}
	for _, tree := range []string{"/audios", "/v1/audios"} {
		send := func(size int) answer {
			return c.form("PUT", tree+sessionPath(session), part{key: "audio", name: "a.json", content: padded(encode(session), size)})
		}
		send(limit).expect(200)
		send(limit+1).problem(413, "payload-too-large")
		send(2*limit).problem(413, "payload-too-large")
	}
	for _, path := range []string{"/accounts", "/v1/accounts", "/audios", "/v1/audios"} {
		c.do(call{method: http.MethodPost, path: path, body: padded("{}", 7<<20), header: []string{"Content-Type", "application/json"}}).problem(413, "payload-too-large")
	}
	c.get("/v1/accounts/" + id).expect(200)
}

func health(c *client) {
	for _, path := range []string{"/ping", "/ping/"} {
		if a := c.get(path).expect(200); string(a.body) != "running" {
			c.t.Errorf("%s: %q", a.call, a.body)
		}
	}
	for _, path := range []string{"/livez", "/readyz"} {
		c.get(path).expect(200).equal(map[string]any{"status": "ok"})
	}
}

func documentation(c *client) {
	if served := c.get("/docs/openapi.yaml").expect(200); string(served.body) != readFile(c.t, contractFile) {
		c.t.Error("the contract that is served is not the file")
	}
	if served := c.get("/docs/asyncapi.yaml").expect(200); string(served.body) != readFile(c.t, "../services/gateway/asyncapi.yaml") {
		c.t.Error("the contract of the events that is served is not the file")
	}
	c.get("/schemas/nope.json").problem(404, "no-such-instance-error")
	for _, slash := range []string{"", "/"} {
		index := c.get("/docs" + slash).expect(200)
		if contentType := index.header.Get("Content-Type"); !strings.HasPrefix(contentType, "text/html") {
			c.t.Errorf("%s: of type %s", index.call, contentType)
		}
		assets := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllSubmatch(index.body, -1)
		if len(assets) == 0 {
			c.t.Fatalf("the page loads nothing: %s", index.body)
		}
		for _, asset := range assets {
			if string(asset[1]) == "data:," {
				continue
			}
			if !strings.HasPrefix(string(asset[1]), "/docs/") {
				c.t.Errorf("the page loads %s", asset[1])
				continue
			}
			// No part of the API, so not in its contract.
			resp, err := c.http.Get(c.url + string(asset[1]))
			if err != nil {
				c.t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				c.t.Errorf("%s: %s", asset[1], resp.Status)
			}
		}
		if strings.Contains(string(index.body), "://") {
			c.t.Errorf("the page names another origin: %s", index.body)
		}
	}
}

func problemPages(c *client) {
	for name := range strings.FieldsSeq("validation-error malformed-request invalid-page-token no-such-instance-error no-such-route " +
		"method-not-allowed already-exists request-in-progress cursor-expired precondition-failed payload-too-large unsupported-media-type " +
		"idempotency-key-reused unauthenticated forbidden rate-limited internal bad-upstream unavailable upstream-timeout") {
		for _, path := range []string{"/problems/" + name, "/problems", "/problems/"} {
			if a := c.get(path).expect(200); !strings.Contains(string(a.body), name) {
				c.t.Errorf("%s does not name %s", a.call, name)
			}
		}
	}
	c.get("/problems/nope").problem(404, "no-such-instance-error")
}
