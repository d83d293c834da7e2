package e2e

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

func classicAudio(c *client) {
	session := newSession()
	path := "/audios" + sessionPath(session)
	created := c.json("POST", "/audios", encode(session)).expect(201)
	created.equal(session)
	if got := created.header.Get("Location"); got != c.url+path {
		c.t.Errorf("Location is %q, want %q", got, c.url+path)
	}
	for _, slash := range []string{"", "/"} {
		read := c.get(path + slash).expect(200)
		read.equal(session)
		if etag := read.header.Get("ETag"); etag != `"1"` {
			c.t.Errorf("ETag is %s", etag)
		}
		c.get(path+slash, "If-None-Match", `"1"`).expect(304)
		c.json("POST", "/audios"+slash, encode(session)).problem(400, "already-exists")
	}
	c.json("POST", "/v1/audios", encode(session)).problem(409, "already-exists")

	session = with(session, map[string]any{"selected_tick": json.Number("14"), "step_count": json.Number("9")})
	for _, slash := range []string{"", "/"} { // the second one changes nothing
		put := c.json("PUT", path+slash, encode(session)).expect(200)
		put.equal(session)
		if etag := put.header.Get("ETag"); etag != `"2"` {
			c.t.Errorf("ETag is %s", etag)
		}
	}
	other := newSession()
	for _, id := range []any{other["session_id"], json.Number("-1"), json.Number("0")} {
		c.json("PUT", path, encode(with(session, map[string]any{"session_id": id}))).problem(400, "validation-error", "/session_id")
	}
	c.get(path).equal(session)
	c.json("PUT", "/audios"+sessionPath(other), encode(other)).problem(404, "no-such-instance-error")

	for _, slash := range []string{"", "/", ""} {
		c.delete(path + slash).expect(200)
	}
	c.get(path).problem(404, "no-such-instance-error")
	c.json("POST", "/audios/", encode(session)).expect(201).equal(session)
}

// classicAudioSearch relies on session_id alone: other sessions share the rest.
func classicAudioSearch(c *client) {
	session := newSession()
	created := c.json("POST", "/audios", encode(session)).expect(201).object()
	id := encode(session["session_id"])
	for _, search := range []struct {
		query string
		found bool
	}{
		{"session_id=" + id, true},
		{"session_id=" + id + "&selected_tick=5", true},
		{"session_id=" + id + "&step_count=1", true},
		{"session_id=" + id + "&step_count=1&selected_tick=5&unknown=7", true},
		{"session_id=" + id + "&selected_tick=6", false},
		{"session_id=" + id + "&step_count=2", false},
		{"session_id=" + id + "&step_count=2&selected_tick=5", false},
	} {
		for _, slash := range []string{"", "/"} {
			listed := c.get("/audios" + slash + "?" + search.query).expect(200)
			want := []map[string]any{}
			if search.found {
				want = append(want, created)
			}
			if diff := cmp.Diff(want, listed.array()); diff != "" {
				c.t.Errorf("%s: -want +got:\n%s", listed.call, diff)
			}
		}
	}
	if listed := c.get("/audios").expect(200).array(); len(listed) == 0 {
		c.t.Error("the list of all is empty")
	}
}

// audioBodies returns bodies of the session that are refused, and the expected
// faults.
func audioBodies(session map[string]any) []badBody {
	ticks := session["ticks"].([]any)
	bad := append(notObjects(),
		badBody{`{}`, "validation-error", []string{"/session_id", "/ticks", "/selected_tick", "/step_count"}},
		badBody{`{"session_id":"1","ticks":[-20],"selected_tick":-1,"step_count":1.5}`, "validation-error", []string{"/session_id", "/ticks", "/selected_tick", "/step_count"}},
		badBody{strings.Replace(encode(session), `-96.33333333333334`, `NaN`, 1), "malformed-request", []string{""}},
	)
	add := func(member string, value any, pointers ...string) {
		bad = append(bad, badBody{encode(with(session, map[string]any{member: value})), "validation-error", pointers})
	}
	for _, member := range []string{"session_id", "selected_tick", "step_count"} {
		bad = append(bad, badBody{without(session, member), "validation-error", []string{"/" + member}})
		for _, wrong := range []any{
			nil, "3", true,
			[]int{3},
			map[string]any{},
			json.Number("1.5"), json.Number("100000000000000000000"), json.Number("-1"),
			json.Number("1e400"), json.Number("1e-400"), json.Number("9007199254740992"), json.Number("1e999999999"), json.Number("3.0000000000000000001"),
		} {
			add(member, wrong, "/"+member)
		}
	}
	add("selected_tick", 15, "/selected_tick")
	add("step_count", 10, "/step_count")
	bad = append(bad, badBody{without(session, "ticks"), "validation-error", []string{"/ticks"}})
	for _, wrong := range []any{nil, "x", 1, true, map[string]any{}, []any{}, ticks[1:], append(ticks[:15:15], -20)} {
		add("ticks", wrong, "/ticks")
	}
	at := func(i int, value any) []any {
		changed := append([]any(nil), ticks...)
		changed[i] = value
		return changed
	}
	for _, wrong := range []any{
		nil, "-20", true,
		[]any{},
		map[string]any{},
		0, -9, 20, json.Number("-9.999999999999998"), json.Number("-100.00000000000001"),
		json.Number("-1e400"), json.Number("1e400"), json.Number("-1e-400"),
	} {
		add("ticks", at(3, wrong), "/ticks/3")
	}
	both := at(14, 0)
	both[0] = "x"
	add("ticks", both, "/ticks/0", "/ticks/14")
	return bad
}

func audioInput(c *client) {
	session, fresh := newSession(), newSession()
	c.json("POST", "/audios", encode(session)).expect(201)
	path := sessionPath(session)
	before := c.get("/v1/audios" + path)
	for _, bad := range audioBodies(fresh) {
		c.json("POST", "/audios", bad.body).problem(400, bad.problem, bad.pointers...)
		c.json("POST", "/v1/audios", bad.body).problem(400, bad.problem, bad.pointers...)
	}
	for _, bad := range audioBodies(session) {
		c.json("PUT", "/audios"+path, bad.body).problem(400, bad.problem, bad.pointers...)
		c.json("PUT", "/v1/audios"+path, bad.body).problem(400, bad.problem, bad.pointers...)
	}
	for _, wrong := range []any{"1", true, 0, -1, json.Number("1.5"), json.Number("9007199254740992"), []int{1}} {
		body := encode(with(fresh, map[string]any{"account_id": wrong}))
		c.json("POST", "/v1/audios", body).problem(400, "validation-error", "/account_id")
	}
	// All faults at once, those of form before those of rules.
	for body, pointers := range map[string][]string{
		`{"session_id":"1","account_id":"1","ticks":{},"selected_tick":true,"step_count":1.5}`:                      {"/session_id", "/account_id", "/ticks", "/selected_tick", "/step_count"},
		`{"session_id":-1,"ticks":[-1,"x"` + strings.Repeat(",-50", 13) + `],"selected_tick":15,"step_count":1e20}`: {"/ticks/1", "/session_id", "/ticks/0", "/selected_tick", "/step_count"},
		`{"session_id":-1}`: {"/ticks", "/selected_tick", "/step_count", "/session_id"},
	} {
		if got := c.json("PUT", "/v1/audios"+path, body).expect(400).pointers(); !slices.Equal(got, pointers) {
			c.t.Errorf("%s: the faults are at %q, want %q", body, got, pointers)
		}
	}
	c.get("/v1/audios" + path).same(before)
	c.get("/audios"+sessionPath(fresh)).problem(404, "no-such-instance-error")
	contentTypes(c, "audios", "/audios"+path, encode(session))

	ignored := with(fresh, map[string]any{"version": "x", "file_url": 1, "Ticks": 0, "x": map[string]any{"y": json.Number("1e999")}})
	c.beyond().json("POST", "/audios", encode(ignored)).expect(201).equal(fresh)
}

// audioLimits checks values at their limits, and notations of integers.
func audioLimits(c *client) {
	for _, id := range []string{"0", "9007199254740991"} {
		c.delete("/audios/" + id).expect(200)
		session := with(newSession(), map[string]any{"session_id": json.Number(id)})
		c.json("POST", "/audios", encode(session)).expect(201).equal(session)
		c.get("/audios/" + id).expect(200).equal(session)
		c.delete("/audios/" + id).expect(200)
	}
	for _, limits := range [][3]string{{"0", "0", "-100.0"}, {"14", "9", "-10.0"}, {"14.0", "9e0", "-10"}, {"140e-1", "0.9e1", "-1e2"}} {
		session := newSession()
		session["ticks"].([]any)[0] = json.Number(limits[2])
		session["selected_tick"], session["step_count"] = json.Number(limits[0]), json.Number(limits[1])
		got := c.json("POST", "/audios", encode(session)).expect(201).object()
		for member, want := range map[string]any{"session_id": session["session_id"], "selected_tick": session["selected_tick"], "step_count": session["step_count"]} {
			if number(got[member]) != number(want) || strings.ContainsAny(encode(got[member]), ".eE") {
				c.t.Errorf("%s is %v of %v", member, got[member], want)
			}
		}
		if tick := got["ticks"].([]any)[0]; number(tick) != number(json.Number(limits[2])) {
			c.t.Errorf("tick is %v of %s", tick, limits[2])
		}
	}
	session := newSession()
	session["session_id"] = json.Number(encode(session["session_id"]) + ".0")
	c.json("POST", "/audios", encode(session)).expect(201)
	for i, text := range []string{"-10.000000000000002", "-99.99999999999999", "-33.333333333333336", "-12.345678901234567"} {
		session["ticks"].([]any)[i] = json.Number(text)
	}
	session["session_id"] = json.Number(encode(uniqueSession()))
	c.json("POST", "/audios", encode(session)).expect(201).equal(session)
	c.get("/audios" + sessionPath(session)).equal(session)
	listed := c.get("/v1/audios?" + url.Values{"session_id": {encode(session["session_id"])}}.Encode()).expect(200).object()
	if diff := cmp.Diff(session["ticks"], listed["items"].([]any)[0].(map[string]any)["ticks"]); diff != "" {
		c.t.Errorf("ticks in a list: -want +got:\n%s", diff)
	}
}

// number returns a JSON number's value.
func number(v any) float64 {
	n, _ := v.(json.Number)
	f, err := n.Float64()
	if err != nil {
		panic(err) // of a test's own, or decoded as a number
	}
	return f
}

// audioFileInput sends sessions as files.
func audioFileInput(c *client) {
	for _, file := range []part{
		{key: "audio", name: "session.json", contentType: "application/json"},
		{key: "audio", name: "SESSION.JSON", contentType: "application/octet-stream"},
		{key: "audio", name: "a b.json", contentType: ""},
		{key: "audio", name: "x.csv.json", contentType: "text/plain"},
	} {
		for _, tree := range []string{"/audios", "/audios/", "/v1/audios"} {
			session := newSession()
			file.content = "\n " + encode(session) + "\n"
			created := c.upload(tree, part{key: "note", content: "x"}, file).expect(201)
			if tree != "/v1/audios" {
				created.equal(session)
			}
			if got := string(c.get("/v1/audios" + sessionPath(session) + "/file").expect(200).body); got != file.content {
				c.t.Errorf("the file is %q, want %q", got, file.content)
			}
			session = with(session, map[string]any{"step_count": json.Number("7")})
			file.content = encode(session)
			c.form("PUT", strings.TrimSuffix(tree, "/")+sessionPath(session), file).expect(200)
			c.get("/audios" + sessionPath(session)).expect(200).equal(session)
		}
	}
	session := newSession()
	good := part{key: "audio", name: "a.json", contentType: "application/json", content: encode(session)}
	wrong := func(change func(*part)) []part {
		p := good
		change(&p)
		return []part{p}
	}
	c.upload("/audios", good).expect(201)
	for _, upload := range []struct {
		name    string
		parts   []part
		problem string
		pointer string
	}{
		{"extension txt", wrong(func(p *part) { p.name = "a.txt" }), "validation-error", "/audio"},
		{"no extension", wrong(func(p *part) { p.name = "json" }), "validation-error", "/audio"},
		{"no part", nil, "validation-error", "/audio"},
		{"other key", wrong(func(p *part) { p.key = "image" }), "validation-error", "/audio"},
		{"no file", wrong(func(p *part) { p.name = "" }), "validation-error", "/audio"},
		{"two files", []part{good, {key: "note", content: "x"}, good}, "validation-error", "/audio"},
		{"empty file", wrong(func(p *part) { p.content = "" }), "malformed-request", ""},
		{"broken JSON", wrong(func(p *part) { p.content = p.content[1:] }), "malformed-request", ""},
		{"array", wrong(func(p *part) { p.content = "[]" }), "validation-error", ""},
		{"a rule", wrong(func(p *part) { p.content = encode(with(session, map[string]any{"step_count": 10})) }), "validation-error", "/step_count"},
	} {
		c.run(upload.name, func(c *client) {
			for _, tree := range []string{"/audios", "/v1/audios"} {
				c.upload(tree, upload.parts...).problem(400, upload.problem, upload.pointer)
				c.form("PUT", tree+sessionPath(session), upload.parts...).problem(400, upload.problem, upload.pointer)
			}
		})
	}
	for _, tree := range []string{"/audios", "/v1/audios"} {
		brokenForms(c, "POST", tree, good)
		brokenForms(c, "PUT", tree+sessionPath(session), good)
	}
}
