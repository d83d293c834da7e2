package e2e

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/google/go-cmp/cmp"
)

func classicAccount(c *client) {
	email := uniqueEmail()
	created := c.json("POST", "/accounts", profile("Jo Doe", email, "1 Way")).expect(201)
	id := created.number("id")
	path := "/accounts/" + id
	want := map[string]any{"id": json.Number(id), "name": "Jo Doe", "email": email, "address": "1 Way", "image_hosted_url": nil}
	created.equal(want)
	if got := created.header.Get("Location"); got != c.url+path {
		c.t.Errorf("Location is %q, want %q", got, c.url+path)
	}

	for _, slash := range []string{"", "/"} {
		read := c.get(path + slash).expect(200)
		read.equal(want)
		etag := read.header.Get("ETag")
		if etag != `"1"` || created.header.Get("ETag") != etag {
			c.t.Errorf("ETag is %s when read, %s when created", etag, created.header.Get("ETag"))
		}
		c.get(path+slash, "If-None-Match", etag).expect(304)
		c.get(path+slash, "If-None-Match", `"0"`).expect(200)
	}

	want = with(want, map[string]any{"name": "", "email": "new." + email, "address": "2 Way"})
	for i, slash := range []string{"", "/"} { // the second one changes nothing
		put := c.json("PUT", path+slash, profile("", "new."+email, "2 Way")).expect(200)
		put.equal(want)
		if got := put.header.Get("ETag"); got != `"2"` {
			c.t.Errorf("ETag of PUT %d is %s", i, got)
		}
	}
	c.json("PUT", path, encode(map[string]any{"name": "Only"})).problem(400, "validation-error", "/address", "/email")
	c.get(path).equal(want)

	for _, slash := range []string{"", "/", ""} {
		c.delete(path + slash).expect(200)
	}
	c.get(path).problem(404, "no-such-instance-error")
	c.json("PUT", path, profile("Jo", email, "")).problem(404, "no-such-instance-error")
	c.upload(path+"/upload_image", part{key: "image", name: "a.png", contentType: "image/png", content: pngOf(1, 1)}).
		problem(404, "no-such-instance-error")
	// Its e-mail is free again.
	c.json("POST", "/accounts/", profile("Jo", "new."+email, "")).expect(201)
}

func classicEmails(c *client) {
	local := "Jo." + strings.TrimSuffix(uniqueEmail(), "@example.com")
	created := c.json("POST", "/accounts", profile("Jo", " \t"+local+"@Sub.EXAMPLE.Com\n ", "")).expect(201)
	kept := local + "@sub.example.com"
	if got := created.object()["email"]; got != kept {
		c.t.Errorf("e-mail is %q, want %q", got, kept)
	}
	for _, taken := range []string{kept, local + "@SUB.example.COM", "  " + kept} {
		c.json("POST", "/accounts", profile("Other", taken, "")).problem(400, "already-exists")
		c.json("POST", "/v1/accounts", profile("Other", taken, "")).problem(409, "already-exists")
	}
	// Before the last @, case counts.
	other := c.json("POST", "/accounts", profile("Jo", strings.ToLower(local)+"@sub.example.com", "")).expect(201)
	c.json("PUT", "/accounts/"+other.number("id"), profile("Jo", kept, "")).problem(400, "already-exists")
	c.json("PUT", "/v1/accounts/"+other.number("id"), profile("Jo", kept, "")).problem(409, "already-exists")

	odd := `"a@b ` + strings.Replace(uniqueEmail(), "@", `"@`, 1)
	if got := c.json("POST", "/accounts", profile("Jo", odd, "")).expect(201).object()["email"]; got != odd {
		c.t.Errorf("e-mail is %q, want %q", got, odd)
	}
}

func classicSearch(c *client) {
	name, address, email := "Name "+uniqueEmail(), "Way & Ünder "+uniqueEmail(), uniqueEmail()
	var all []map[string]any
	for _, body := range []string{
		profile(name, email, address),
		profile(name, uniqueEmail(), "elsewhere"),
		profile("", "second."+email, address),
	} {
		all = append(all, c.json("POST", "/accounts", body).expect(201).object())
	}
	upper := strings.Replace(email, "example.com", "EXAMPLE.com", 1)
	for _, search := range []struct {
		query url.Values
		want  []map[string]any
	}{
		{url.Values{"name": {name}}, all[:2]},
		{url.Values{"address": {address}}, []map[string]any{all[0], all[2]}},
		{url.Values{"email": {email}}, all[:1]},
		{url.Values{"email": {"  " + upper + " "}}, all[:1]},
		{url.Values{"name": {name}, "address": {address}}, all[:1]},
		{url.Values{"name": {name}, "email": {email}, "address": {address}}, all[:1]},
		{url.Values{"name": {name}, "email": {"second." + email}}, nil},
		{url.Values{"name": {""}, "address": {address}}, all[2:]},
		{url.Values{"name": {name}, "unknown": {"x"}}, all[:2]},
		{url.Values{"name": {name[:8]}}, nil},
		{url.Values{"name": {strings.ToUpper(name)}}, nil},
		{url.Values{"name": {name + "%"}}, nil},
		{url.Values{"email": {"no e-mail"}}, nil},
	} {
		for _, slash := range []string{"", "/"} {
			found := c.get("/accounts" + slash + "?" + search.query.Encode()).expect(200)
			if diff := cmp.Diff(byID(search.want), byID(found.array())); diff != "" || found.body[0] != '[' {
				c.t.Errorf("%s: -want +got:\n%s", found.call, diff)
			}
		}
	}
	found := c.get("/accounts?" + url.Values{"name": {name}}.Encode())
	if found.header.Get("Link") != "" || found.header.Get("X-Truncated") != "" {
		c.t.Errorf("a whole list has Link %q and X-Truncated %q", found.header.Get("Link"), found.header.Get("X-Truncated"))
	}
	if listed := c.get("/accounts").expect(200).array(); len(listed) < len(all) {
		c.t.Errorf("the list of all has %d accounts", len(listed))
	}
}

func byID(accounts []map[string]any) map[any]map[string]any {
	m := map[any]map[string]any{}
	for _, a := range accounts {
		m[a["id"]] = a
	}
	return m
}

// accountBodies returns bodies of an account that are refused, and the expected
// faults.
func accountBodies() []badBody {
	long, email := strings.Repeat("ä", 1025), uniqueEmail()
	valid := map[string]any{"name": "Jo", "email": email, "address": ""}
	bad := []badBody{
		{`{}`, "validation-error", []string{"/name", "/email", "/address"}},
		{`{"name":null,"email":null,"address":null}`, "validation-error", []string{"/name", "/email", "/address"}},
		{`{"name":1,"email":true,"address":["x"]}`, "validation-error", []string{"/name", "/email", "/address"}},
		{`{"email":"nobody","address":"a\u0000b"}`, "validation-error", []string{"/name", "/email", "/address"}},
		{`{"Name":"Jo","EMAIL":"` + email + `","address":""}`, "validation-error", []string{"/name", "/email"}},
		{profile(long, strings.Repeat("x", 310)+"@example.com", long), "validation-error", []string{"/name", "/email", "/address"}},
	}
	bad = append(bad, notObjects()...)
	for _, wrong := range []string{"", " ", "@", "a@", "@b", " @b", "a@ ", "nobody", "a\u0007@b", "a@b\u0085c"} {
		bad = append(bad, badBody{encode(with(valid, map[string]any{"email": wrong})), "validation-error", []string{"/email"}})
	}
	for _, wrong := range []string{"\n", "a\tb", "\u007f", "\u0085", "\u0000"} {
		bad = append(bad, badBody{encode(with(valid, map[string]any{"name": wrong})), "validation-error", []string{"/name"}})
	}
	for _, member := range []string{"name", "email", "address"} {
		bad = append(bad, badBody{without(valid, member), "validation-error", []string{"/" + member}})
		for _, wrong := range []any{nil, 1, 1.5, true, []string{"x"}, map[string]any{}} {
			bad = append(bad, badBody{encode(with(valid, map[string]any{member: wrong})), "validation-error", []string{"/" + member}})
		}
	}
	return bad
}

// badBody is a body that is refused with a problem at some pointers.
type badBody struct {
	body     string
	problem  string
	pointers []string
}

// notObjects are bodies that are no JSON object.
func notObjects() []badBody {
	var bad []badBody
	for _, body := range []string{`[]`, `[{}]`, `"x"`, `12`, `true`, `null`} {
		bad = append(bad, badBody{body, "validation-error", []string{""}})
	}
	for _, body := range []string{
		"", " ", "{", `{"name":`, `{"name":"Jo",}`, `{"name":"Jo"}{}`, `{"name":"Jo"} x`, `{'name':'Jo'}`, `{name:1}`, `{"step_count":NaN}`,
		`{"step_count":Infinity}`, `{"step_count":01}`, `{"step_count":+1}`, "\xff", "{\"name\":\"\xff\"}", "\uFEFF\uFEFF{}", "{\"name\":\"a\nb\"}",
		strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000),
	} {
		bad = append(bad, badBody{body, "malformed-request", []string{""}})
	}
	return append(bad,
		badBody{`{"name":"Jo","name":"Joe"}`, "malformed-request", []string{"/name"}})
}

func accountInput(c *client) {
	id, _ := newAccount(c)
	before := c.get("/v1/accounts/" + id)
	for _, bad := range accountBodies() {
		for _, route := range [][2]string{
			{"POST", "/accounts"}, {"PUT", "/accounts/" + id}, {"POST", "/v1/accounts"}, {"PUT", "/v1/accounts/" + id},
		} {
			c.json(route[0], route[1], bad.body).problem(400, bad.problem, bad.pointers...)
		}
	}
	c.get("/v1/accounts/" + id).same(before)

	limit := strings.Repeat("ä", 1024)
	email := strings.Repeat("x", 320-len(uniqueEmail())) + uniqueEmail()
	c.json("POST", "/accounts", profile(limit, email, limit)).expect(201)
	c.beyond().json("POST", "/accounts", `{"id":1,"version":7,"etag":5,"image":1,"image_hosted_url":[],"Name":0,"x":{"y":[1e999]},"name":"","email":"`+uniqueEmail()+`","address":""}`).expect(201)
	for _, contentType := range []string{"application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"} {
		c.do(call{method: "POST", path: "/accounts", body: profile("Jo", uniqueEmail(), ""), header: []string{"Content-Type", contentType}}).expect(201)
	}
	contentTypes(c, "accounts", "/accounts/"+id, profile("Jo", uniqueEmail(), ""))
}

// contentTypes checks that bodies of no or a wrong content type are refused.
func contentTypes(c *client, collection, path, body string) {
	c.t.Helper()
	for _, header := range [][]string{nil, {"Content-Type", ""}, {"Content-Type", "text/plain"}, {"Content-Type", "application/xml"}, {"Content-Type", "garbage;;"}} {
		c.do(call{method: "POST", path: "/" + collection, body: body, header: header}).problem(400, "unsupported-media-type")
		c.do(call{method: "PUT", path: path, body: body, header: header}).problem(400, "unsupported-media-type")
		c.do(call{method: "POST", path: "/v1/" + collection, body: body, header: header}).problem(415, "unsupported-media-type")
		c.do(call{method: "PUT", path: "/v1" + path, body: body, header: header}).problem(415, "unsupported-media-type")
	}
}
