package e2e

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// accountConditions writes to an account under conditions, on both trees.
func accountConditions(c *client) {
	id, _ := newAccount(c)
	for _, tree := range []string{"/v1", ""} {
		path := tree + "/accounts/" + id
		etag := c.get(path).header.Get("ETag")
		put := func(header ...string) answer {
			c.t.Helper()
			return c.json("PUT", path, profile("Jo "+uniqueEmail(), uniqueEmail(), ""), header...)
		}
		for _, header := range [][]string{
			{"If-Match", `"0"`},
			{"If-Match", "W/" + etag},
			{"If-None-Match", "*"},
			{"If-None-Match", `"0", W/` + etag},
			{"If-Match", etag, "If-None-Match", etag},
		} {
			put(header...).failedCondition(etag)
			c.delete(path, header...).failedCondition(etag)
		}
		c.get(path).expect(200).hasETag(etag)
		put("If-Match", "7").problem(400, "validation-error", "If-Match")
		c.delete(path, "If-None-Match", `"`).problem(400, "validation-error", "If-None-Match")
		c.json("PUT", path, "{}", "If-Match", `"0"`).problem(400, "validation-error", "/name", "/email", "/address")

		second := put("If-Match", `"0", `+etag).expect(200).header.Get("ETag")
		put("If-Match", etag).failedCondition(second)
		third := put("If-Match", "*").expect(200).header.Get("ETag")
		put("If-Match", `"0"`, "If-Match", third, "If-None-Match", second).expect(200)
	}
	v1 := "/v1/accounts/" + id
	etag := c.get(v1).header.Get("ETag")
	c.patch(v1, `{"name":"x"}`, "If-Match", `"0"`).failedCondition(etag)
	c.patch(v1, `{"name":"x"}`, "If-None-Match", "*").failedCondition(etag)
	c.patch(v1, `{"name":"x"}`, "If-Match", etag).expect(200)
	for _, tree := range []string{"/v1", ""} {
		missing := tree + "/accounts/9007199254740990"
		for _, value := range []string{"*", `"1"`} {
			c.json("PUT", missing, profile("Jo", uniqueEmail(), ""), "If-Match", value).problem(404, "no-such-instance-error")
			c.json("PUT", missing, profile("Jo", uniqueEmail(), ""), "If-None-Match", value).problem(404, "no-such-instance-error")
		}
	}
	c.delete("/v1/accounts/9007199254740990", "If-Match", `"1"`).problem(404, "no-such-instance-error")
	c.delete("/v1/accounts/"+id, "If-Match", c.get("/accounts/"+id).header.Get("ETag")).expect(204)
}

// readConditions reads under conditions, from both trees.
func readConditions(c *client) {
	id, _ := newAccount(c)
	account := "/v1/accounts/" + id
	c.do(call{method: "PUT", path: account + "/image", body: pngOf(3, 1), header: []string{"Content-Type", "image/png"}}).expect(200)
	session := newSession()
	c.json("POST", "/v1/audios", encode(session)).expect(201)
	audio := "/v1/audios" + sessionPath(session)
	for _, path := range []string{
		account, "/accounts/" + id, account + "/image", account + "/image?size=64",
		audio, "/audios" + sessionPath(session), audio + "/file",
	} {
		etag := c.get(path).expect(200).header.Get("ETag")
		for _, span := range [][]string{nil, {"Range", "bytes=0-1"}} {
			with := func(header ...string) []string { return append(header, span...) }
			c.get(path, with("If-Match", `"0"`)...).failedCondition(etag)
			c.get(path, with("If-Match", "W/"+etag)...).failedCondition(etag)
			c.get(path, with("If-Match", `"0"`, "If-None-Match", etag)...).failedCondition(etag)
			c.head(path, with("If-Match", `"0"`)...).expect(412).hasETag(etag)
			c.get(path, with("If-Match", etag, "If-None-Match", etag)...).expect(304)
			c.get(path, with("If-Match", "7")...).problem(400, "validation-error", "If-Match")
		}
		c.get(path, "If-Match", etag).expect(200).hasETag(etag)
		c.get(path, "If-Match", "*").expect(200).hasETag(etag)
	}
	c.get(account+"/image", "If-Match", c.head(account+"/image").header.Get("ETag"), "Range", "bytes=0-1").expect(206)
	c.get("/v1/accounts/9007199254740990", "If-Match", `"1"`).problem(404, "no-such-instance-error")
}

// imageConditions writes to an image under conditions, which name the account
// or the image.
func imageConditions(c *client) {
	id, _ := newAccount(c)
	path := "/v1/accounts/" + id
	put := func(size int, header ...string) answer {
		c.t.Helper()
		return c.do(call{method: "PUT", path: path + "/image", body: pngOf(size, 1), header: append([]string{"Content-Type", "image/png"}, header...)})
	}
	put(1, "If-Match", `"2"`).failedCondition(`"1"`)
	put(1, "If-Match", `"2"`, "If-None-Match", "*").failedCondition(`"1"`)
	c.delete(path+"/image", "If-None-Match", "*").expect(204)
	put(1, "If-None-Match", "*").expect(200).hasETag(`"2"`)
	c.delete(path+"/image", "If-None-Match", "*").failedCondition(`"2"`)
	c.delete(path+"/image", "If-Match", `"2"`).expect(204)
	id, _ = newAccount(c)
	path = "/v1/accounts/" + id
	put(1, "If-Match", `"1"`, "If-None-Match", "*").expect(200)
	image := c.get(path + "/image").header.Get("ETag")
	put(2, "If-Match", `"1"`).failedCondition(`"2"`)
	put(2, "If-None-Match", "*").failedCondition(`"2"`)
	put(2, "If-None-Match", image).failedCondition(`"2"`)
	put(2, "If-Match", image).expect(200)
	put(3, "If-Match", image).failedCondition(`"3"`)
	upload := func(size int, header ...string) answer {
		c.t.Helper()
		contentType, body := form(part{key: "image", name: "a.png", contentType: "image/png", content: pngOf(size, 1)})
		return c.do(call{method: "POST", path: "/accounts/" + id + "/upload_image", body: body, header: append([]string{"Content-Type", contentType}, header...)})
	}
	upload(3, "If-Match", `"2"`).failedCondition(`"3"`)
	upload(3, "If-Match", `"3"`).expect(200)
	upload(4).expect(200)
	c.delete(path+"/image", "If-Match", `"4"`).failedCondition(`"5"`)
	c.delete(path+"/image", "If-Match", c.get(path+"/image").header.Get("ETag")).expect(204)
	c.get(path).expect(200).hasETag(`"6"`)
}

// audioConditions writes to an audio session under conditions, on both trees.
func audioConditions(c *client) {
	for _, tree := range []string{"/v1", ""} {
		session := newSession()
		path := tree + "/audios" + sessionPath(session)
		step := 0
		put := func(header ...string) answer {
			c.t.Helper()
			step = (step + 1) % 10
			return c.json("PUT", path, encode(with(session, map[string]any{"step_count": step})), header...)
		}
		put("If-Match", "*").problem(404, "no-such-instance-error")
		put("If-Match", `"1"`, "If-None-Match", "*").problem(404, "no-such-instance-error")
		put("If-None-Match", `"1"`).problem(404, "no-such-instance-error")
		created := put("If-None-Match", "*").expect(201).hasETag(`"1"`)
		if got := created.header.Get("Location"); got != c.url+path {
			c.t.Errorf("Location is %q, want %q", got, c.url+path)
		}
		put("If-None-Match", "*").failedCondition(`"1"`)
		put("If-Match", `"2"`).failedCondition(`"1"`)
		put("If-Match", `"1"`).expect(200).hasETag(`"2"`)
		c.delete(path, "If-Match", `"1"`).failedCondition(`"2"`)
		if tree == "/v1" {
			c.delete(path, "If-Match", `"2"`).expect(204)
			c.delete(path, "If-Match", `"2"`).problem(404, "no-such-instance-error")
		} else {
			c.delete(path, "If-Match", `"2"`).expect(200)
			c.delete(path, "If-Match", `"2"`).expect(200)
		}
		put("If-None-Match", "*").expect(201).hasETag(`"4"`)
	}
}

// updateRace has clients race each other through the versions of one account:
// exactly one of them makes each, and the history has each once.
func updateRace(c *client) {
	clients := c.volume.writers
	id, _ := newAccount(c)
	path := "/v1/accounts/" + id
	var winners [11]atomic.Int64
	atOnce(clients, clients, func(client int) {
		for {
			current := c.get(path)
			version := current.number("version")
			n, err := strconv.Atoi(version)
			if err != nil || n >= len(winners) {
				return
			}
			a := c.json("PUT", path, profile(strconv.Itoa(client)+" "+version, uniqueEmail(), ""), "If-Match", current.header.Get("ETag"))
			switch a.status {
			case 200:
				winners[n].Add(1)
				if got, want := a.number("version"), strconv.Itoa(n+1); got != want {
					c.t.Errorf("the change of version %s made version %s", version, got)
				}
			case 412:
			default:
				c.t.Errorf("%s: %d %s", a.call, a.status, a.body)
				return
			}
		}
	})
	for version := range winners {
		if won := winners[version].Load(); version > 0 && won != 1 {
			c.t.Errorf("%d clients changed version %d, want 1", won, version)
		}
	}
	c.get(path).expect(200).hasETag(strconv.Quote(strconv.Itoa(len(winners))))
	var told []string
	for _, e := range c.get(path + "/events").expect(200).events() {
		told = append(told, e.ResourceVersion)
	}
	var made []string
	for version := range winners {
		made = append(made, strconv.Itoa(version+1))
	}
	if !slices.Equal(told, made) {
		c.t.Errorf("the history tells of the versions %v, want %v", told, made)
	}
}

// failedCondition reports an answer that is not 412 with this current ETag.
func (a answer) failedCondition(etag string) {
	a.t.Helper()
	a.problem(412, "precondition-failed")
	a.hasETag(etag)
}

func (a answer) hasETag(etag string) answer {
	a.t.Helper()
	if got := a.header.Get("ETag"); got != etag {
		a.t.Errorf("%s: %d with ETag %s, want %s", a.call, a.status, got, etag)
	}
	return a
}

// TestRequireIfMatch holds v1 to conditions, and the classic tree to none.
func TestRequireIfMatch(t *testing.T) {
	t.Parallel()
	url, _ := startSystem(t, "CONCHA_REQUIRE_IF_MATCH=true")
	c := newClient(t, url)
	id, account := newAccount(c)
	session := newSession()
	c.json("POST", "/v1/audios", encode(session)).expect(201)
	path, audio := "/v1/accounts/"+id, "/v1/audios"+sessionPath(session)
	image := func(method string, header ...string) answer {
		return c.do(call{method: method, path: path + "/image", body: pngOf(1, 1), header: append([]string{"Content-Type", "image/png"}, header...)})
	}
	body := profile("Joe", uniqueEmail(), "")
	for _, header := range [][]string{nil, {"If-None-Match", `"7"`}} {
		c.json("PUT", path, body, header...).problem(428, "precondition-required")
		c.patch(path, `{"name":"x"}`, header...).problem(428, "precondition-required")
		c.patch(audio, `{"step_count":2}`, header...).problem(428, "precondition-required")
		c.delete(path, header...).problem(428, "precondition-required")
		image("PUT", header...).problem(428, "precondition-required")
		image("DELETE", header...).problem(428, "precondition-required")
		c.json("PUT", audio, encode(session), header...).problem(428, "precondition-required")
		c.delete(audio, header...).problem(428, "precondition-required")
	}
	if diff := cmp.Diff(account, c.get(path).object()); diff != "" {
		t.Errorf("the account has changed (-was +is):\n%s", diff)
	}
	// A missing resource needs no condition.
	missing := newSession()
	c.json("PUT", "/v1/accounts/1", body).problem(404, "no-such-instance-error")
	c.delete("/v1/accounts/1").problem(404, "no-such-instance-error")
	c.delete("/v1/accounts/1?allow_missing=true").expect(204)
	c.json("PUT", "/v1/audios"+sessionPath(missing), encode(missing)).problem(404, "no-such-instance-error")
	c.json("PUT", "/v1/audios"+sessionPath(missing), encode(missing), "If-None-Match", "*").expect(201)

	c.json("PUT", path, body, "If-Match", `"1"`).expect(200)
	image("PUT", "If-Match", `"2"`).expect(200)
	image("DELETE", "If-Match", "*").expect(204)
	c.patch(path, `{"name":"x"}`, "If-Match", `"4"`).expect(200)
	c.json("PUT", audio, encode(with(session, map[string]any{"step_count": json.Number("7")})), "If-Match", `"1"`).expect(200)

	c.json("PUT", "/accounts/"+id, profile("Jo", uniqueEmail(), "")).expect(200)
	c.form("POST", "/accounts/"+id+"/upload_image", part{key: "image", name: "a.png", contentType: "image/png", content: pngOf(1, 1)}).expect(200)
	c.json("PUT", "/audios"+sessionPath(session), encode(session)).expect(200)
	c.delete("/audios" + sessionPath(session)).expect(200)
	c.delete("/accounts/" + id).expect(200)
	c.delete("/accounts/" + id).expect(200)
	if out, err := concha(t, nil, "wipe", "--url", url, "audios").CombinedOutput(); err != nil {
		t.Errorf("wipe: %v: %s", err, out)
	}
}
