package e2e

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"github.com/google/go-cmp/cmp"
)

// atOnce runs f for 0..n-1 in so many goroutines.
func atOnce(workers, n int, f func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// classicPages follows a classic list by the Link header and counts each id.
func classicPages(c *client, path, member string) (sizes []int, count map[string]int) {
	c.t.Helper()
	count = map[string]int{}
	for {
		a := c.get(path).expect(200)
		listed := a.array()
		sizes = append(sizes, len(listed))
		for _, item := range listed {
			count[encode(item[member])]++
		}
		next, more := nextLink(c, a)
		if truncated := a.header.Get("X-Truncated"); more != (truncated == "true") || more != (truncated != "") {
			c.t.Errorf("%s: X-Truncated is %q, Link %q", a.call, truncated, a.header.Get("Link"))
		}
		if !more {
			return sizes, count
		}
		path = next
	}
}

func longAccountList(c *client) {
	n := c.volume.accounts
	var full []int // pages
	for rest := n; rest > 0; rest -= 1000 {
		full = append(full, min(rest, 1000))
	}
	name := "Name & " + uniqueEmail()
	ids := make([]string, n)
	atOnce(c.volume.writers, n, func(i int) {
		a := c.json("POST", "/accounts", profile(name, uniqueEmail(), ""))
		if a.status == 201 {
			ids[i] = a.number("id")
		}
	})
	for _, slash := range []string{"", "/"} {
		sizes, count := classicPages(c, "/accounts"+slash+"?"+url.Values{"name": {name}}.Encode(), "id")
		if !slices.Equal(sizes, full) {
			c.t.Errorf("lists of %d", sizes)
		}
		want := map[string]int{}
		for _, id := range ids {
			want[id] = 1
		}
		if diff := cmp.Diff(want, count); diff != "" {
			c.t.Errorf("-want +got:\n%s", diff)
		}
	}
	sizes, items := pages(c, "/v1/accounts?"+url.Values{"name": {name}, "page_size": {"5000"}}.Encode())
	if !slices.Equal(sizes, full) || len(items) != n {
		c.t.Errorf("v1 has pages of %d", sizes)
	}
}

func longAudioList(c *client) {
	const n = 1001
	sessions := make([]string, n)
	atOnce(c.volume.writers, n, func(i int) {
		session := newSession()
		session["selected_tick"], session["step_count"] = json.Number("13"), json.Number("8")
		c.json("POST", "/audios", encode(session))
		sessions[i] = encode(session["session_id"])
	})
	sizes, count := classicPages(c, "/audios?selected_tick=13&step_count=8", "session_id")
	if sizes[0] != 1000 || len(sizes) < 2 {
		c.t.Errorf("lists of %d", sizes)
	}
	for _, id := range sessions {
		if count[id] != 1 {
			c.t.Errorf("session %s is listed %d times", id, count[id])
		}
	}
}

// deletedAccountSessions checks that the sessions of an account go with it.
func deletedAccountSessions(c *client) {
	id, _ := newAccount(c)
	other, _ := newAccount(c)
	var gone []string
	session := newSession()
	for i := range 5 {
		session = with(newSession(), map[string]any{"account_id": json.Number(id)})
		c.json("POST", "/v1/audios", encode(session)).expect(201)
		if i > 0 {
			gone = append(gone, "/v1/audios"+sessionPath(session))
		}
	}
	// The account may have been created a moment ago, and its event not be here yet.
	unknown := with(newSession(), map[string]any{"account_id": json.Number("9007199254740989")})
	c.json("POST", "/v1/audios", encode(unknown)).expect(201)
	// One of another account, and one of none any more, stay.
	kept := with(newSession(), map[string]any{"account_id": json.Number(other)})
	c.json("POST", "/v1/audios", encode(kept)).expect(201)
	freed := with(newSession(), map[string]any{"account_id": json.Number(id)})
	c.json("POST", "/v1/audios", encode(freed)).expect(201)
	c.json("PUT", "/v1/audios"+sessionPath(freed), without(freed, "account_id")).expect(200)

	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	c.delete("/accounts/"+id, "Traceparent", trace).expect(200)
	eventually(c.t, "the sessions of a deleted account are deleted", func() bool {
		return !slices.ContainsFunc(gone, func(path string) bool { return c.get(path).status != 404 })
	})
	if _, items := pages(c, "/v1/audios?account_id="+id); len(items) > 0 {
		c.t.Errorf("%d sessions are left", len(items))
	}
	c.get(gone[0]+"/file").problem(404, "no-such-instance-error")
	history := c.get(gone[0] + "/events").expect(200).events()
	if last := history[len(history)-1]; last.Type != "concha.audio.deleted.v1" || last.Traceparent != trace {
		c.t.Errorf("the last event of a session is %+v, want its deletion in the trace %s", last, trace)
	}
	for _, session := range []map[string]any{session, with(newSession(), map[string]any{"account_id": json.Number(id)})} {
		c.json("POST", "/v1/audios", encode(session)).problem(400, "validation-error", "/account_id")
	}
	c.json("PUT", "/v1/audios"+sessionPath(kept), encode(with(kept, map[string]any{"account_id": json.Number(id)}))).problem(400, "validation-error", "/account_id")
	c.get("/v1/audios" + sessionPath(kept)).expect(200)
	c.get("/v1/audios" + sessionPath(freed)).expect(200)
}

// rivals is how many requests ask for the same at the same moment. The emulator of
// Spanner executes one transaction at a time, and each has to end within 4 s.
const rivals = 100

// oneEmailAtOnce registers one e-mail many times at the same moment.
func oneEmailAtOnce(c *client) {
	email := uniqueEmail()
	statuses := tally(rivals, func(i int) int {
		return c.json("POST", []string{"/accounts", "/v1/accounts"}[i%2], profile("Jo "+strconv.Itoa(i), email, "")).status
	})
	if statuses[201] != 1 || statuses[201]+statuses[400]+statuses[409] != rivals {
		c.t.Errorf("statuses: %v", statuses)
	}
	if listed := c.get("/accounts?" + url.Values{"email": {email}}.Encode()).array(); len(listed) != 1 {
		c.t.Errorf("%d accounts have the e-mail", len(listed))
	}
}

// oneSessionAtOnce creates one session many times at the same moment.
func oneSessionAtOnce(c *client) {
	session := newSession()
	statuses := tally(rivals, func(i int) int {
		return c.json("POST", []string{"/audios", "/v1/audios"}[i%2], encode(session)).status
	})
	if statuses[201] != 1 || statuses[201]+statuses[400]+statuses[409] != rivals {
		c.t.Errorf("statuses: %v", statuses)
	}
	c.get("/audios" + sessionPath(session)).expect(200).equal(session)
}

// tally counts the statuses of n requests at once.
func tally(n int, request func(i int) int) map[int]int {
	statuses := make([]int, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { statuses[i] = request(i) })
	}
	wg.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	return count
}

// writersAndReaders has clients change resources of their own and read each
// change back, by id and in a list.
func writersAndReaders(c *client) {
	atOnce(c.volume.writers, c.volume.writers, func(int) {
		email := uniqueEmail()
		created := c.json("POST", "/v1/accounts", profile("0", email, ""))
		session := newSession()
		c.json("POST", "/audios", encode(session))
		if created.status != 201 {
			return // reported
		}
		path := "/v1/accounts/" + encode(decodeObject(created)["id"])
		for i := range c.volume.changes {
			n := strconv.Itoa(i + 1)
			c.json("PUT", path, profile(n, email, ""))
			session["step_count"] = json.Number(strconv.Itoa(i % 10))
			c.json("PUT", "/audios"+sessionPath(session), encode(session))
			read := decodeObject(c.get(path))
			if read["name"] != n || encode(read["version"]) != strconv.Itoa(i+2) {
				c.t.Errorf("%s: read %v after change %s", path, read, n)
			}
			if got := decodeObject(c.get("/audios" + sessionPath(session))); encode(got["step_count"]) != encode(session["step_count"]) {
				c.t.Errorf("read step_count %v after %v", got["step_count"], session["step_count"])
			}
			listed := decodeObject(c.get("/v1/accounts?" + url.Values{"email": {email}}.Encode()))
			if items, _ := listed["items"].([]any); len(items) != 1 || !maps.Equal(flat(items[0]), flat(read)) {
				c.t.Errorf("%s: listed as %v", path, listed)
			}
		}
	})
}

// decodeObject returns the JSON object of an answer, nil if it has none; unlike
// answer.object it never ends the test.
func decodeObject(a answer) (o map[string]any) {
	_ = json.Unmarshal(a.body, &o)
	return o
}

// flat returns an object's members as JSON.
func flat(v any) map[string]string {
	o, _ := v.(map[string]any)
	m := map[string]string{}
	for name, value := range o {
		m[name] = encode(value)
	}
	return m
}
