package e2e

import (
	"crypto/rand"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
)

// sameAnswer reports an answer that is not the one to the same request before.
func (a answer) sameAnswer(first answer) {
	a.t.Helper()
	a.same(first)
	for _, name := range []string{"Location", "ETag", "Content-Type"} {
		if a.header.Get(name) != first.header.Get(name) {
			a.t.Errorf("%s: %s is %q, was %q", a.call, name, a.header.Get(name), first.header.Get(name))
		}
	}
}

func accountTwice(c *client) {
	for _, tree := range []string{"/v1", ""} {
		key, email := rand.Text(), uniqueEmail()
		post := func(body string) answer {
			c.t.Helper()
			return c.json("POST", tree+"/accounts", body, "Idempotency-Key", key)
		}
		first := post(profile("Jo", email, "")).expect(201)
		path := strings.TrimPrefix(first.header.Get("Location"), c.url)
		post(profile("Jo", email, "")).sameAnswer(first)
		c.json("PUT", path, profile("Joe", email, ""), "If-Match", `"1"`).expect(200)
		post(profile("Jo", email, "")).sameAnswer(first)
		c.delete(path)
		post(profile("Jo", email, "")).problem(404, "no-such-instance-error")
		c.get(path).problem(404, "no-such-instance-error")
		for _, other := range []string{profile("Jo", uniqueEmail(), ""), profile("Jo", email, "") + " "} {
			if tree == "" {
				post(other).problem(400, "idempotency-key-reused")
			} else {
				post(other).problem(422, "idempotency-key-reused")
			}
		}
		post("{}").problem(400, "validation-error", "/name", "/email", "/address")

		// The classic tree is a view of the same.
		other := map[string]string{"/v1": "", "": "/v1"}[tree]
		c.json("POST", other+"/accounts", profile("Jo", email, ""), "Idempotency-Key", key).problem(404, "no-such-instance-error")
	}
}

func sessionTwice(c *client) {
	for _, tree := range []string{"/v1", ""} {
		session, key := newSession(), rand.Text()
		document := encode(session)
		first := c.json("POST", tree+"/audios", document, "Idempotency-Key", key).expect(201)
		c.json("POST", tree+"/audios", document, "Idempotency-Key", key).sameAnswer(first)
		// Each form has a new boundary; only the file in it counts.
		for range 2 {
			contentType, body := form(part{key: "audio", name: "a.json", content: document})
			c.do(call{method: "POST", path: tree + "/audios", body: body, header: []string{"Content-Type", contentType, "Idempotency-Key", key}}).sameAnswer(first)
		}
		other := c.json("POST", tree+"/audios", encode(newSession()), "Idempotency-Key", key)
		if tree == "" {
			other.problem(400, "idempotency-key-reused")
			c.json("POST", tree+"/audios", document, "Idempotency-Key", rand.Text()).problem(400, "already-exists")
		} else {
			other.problem(422, "idempotency-key-reused")
			c.json("POST", tree+"/audios", document, "Idempotency-Key", rand.Text()).problem(409, "already-exists")
		}
		if etag := c.get("/v1/audios" + sessionPath(session)).expect(200).header.Get("ETag"); etag != `"1"` {
			c.t.Errorf("the session is at %s", etag)
		}
	}
}

func imageTwice(c *client) {
	id, _ := newAccount(c)
	key := rand.Text()
	put := func(size int) answer {
		c.t.Helper()
		return c.do(call{method: "PUT", path: "/v1/accounts/" + id + "/image", body: pngOf(size, 1), header: []string{"Content-Type", "image/png", "Idempotency-Key", key, "If-Match", `"1"`}})
	}
	upload := func(size int, key string) answer {
		c.t.Helper()
		contentType, body := form(part{key: "image", name: "a.png", contentType: "image/png", content: pngOf(size, 1)})
		return c.do(call{method: "POST", path: "/accounts/" + id + "/upload_image", body: body, header: []string{"Content-Type", contentType, "Idempotency-Key", key}})
	}
	first := put(1).expect(200).hasETag(`"2"`)
	put(1).sameAnswer(first)
	put(2).problem(422, "idempotency-key-reused")
	upload(2, key).problem(400, "idempotency-key-reused")
	key2 := rand.Text()
	second := upload(2, key2).expect(200).hasETag(`"3"`)
	put(1).sameAnswer(first) // which does not bring the first image back
	upload(2, key2).sameAnswer(second)
	if got := string(c.get("/v1/accounts/" + id + "/image").expect(200).body); got != pngOf(2, 1) {
		c.t.Error("the image is not the second one")
	}
	c.delete("/v1/accounts/" + id).expect(204)
	put(1).problem(404, "no-such-instance-error")
	upload(2, key2).problem(404, "no-such-instance-error")
}

func idempotencyKeys(c *client) {
	for _, key := range []string{"", strings.Repeat("x", 256), "é"} {
		for _, tree := range []string{"/v1", ""} {
			c.json("POST", tree+"/accounts", profile("Jo", uniqueEmail(), ""), "Idempotency-Key", key).problem(400, "validation-error", "Idempotency-Key")
			c.json("POST", tree+"/audios", encode(newSession()), "Idempotency-Key", key).problem(400, "validation-error", "Idempotency-Key")
		}
	}
	c.json("POST", "/v1/accounts", profile("Jo", uniqueEmail(), ""), "Idempotency-Key", "a", "Idempotency-Key", "b").problem(400, "validation-error", "Idempotency-Key")
	key, email := `"a b, ~`+rand.Text()+strings.Repeat("x", 222), uniqueEmail()
	taken := c.json("POST", "/v1/accounts", profile("Jo", email, "")).expect(201)
	// A failure is not recorded.
	c.json("POST", "/v1/accounts", profile("Joe", email, ""), "Idempotency-Key", key).problem(409, "already-exists")
	c.delete("/v1/accounts/" + taken.number("id")).expect(204)
	c.json("POST", "/v1/accounts", profile("Jane", email, ""), "Idempotency-Key", key).expect(201)
	// One key for each collection.
	c.json("POST", "/v1/audios", encode(newSession()), "Idempotency-Key", key).expect(201)
}

// retryStorm sends one request from many connections at once.
func retryStorm(c *client) {
	email, session := uniqueEmail(), newSession()
	for path, body := range map[string]string{
		"/v1/accounts": profile("Jo", email, ""), "/audios": encode(session),
	} {
		key := rand.Text()
		var mu sync.Mutex
		var first answer
		atOnce(50, 50, func(int) {
			a := c.json("POST", path, body, "Idempotency-Key", key)
			mu.Lock()
			defer mu.Unlock()
			if a.status != 201 {
				c.t.Errorf("%s: %d %s", a.call, a.status, a.body)
			} else if first.status == 0 {
				first = a
			}
			a.sameAnswer(first)
		})
	}
	if listed := c.get("/accounts?" + url.Values{"email": {email}}.Encode()).array(); len(listed) != 1 {
		c.t.Errorf("%d accounts have the e-mail", len(listed))
	}
	if got := c.get("/v1/audios" + sessionPath(session)).expect(200).object()["version"]; got != json.Number("1") {
		c.t.Errorf("the session is at version %v", got)
	}
}
