package e2e

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"
)

// copied is a collection that a consumer copies: the resources of one list,
// which no other scenario changes.
type copied struct {
	name, id string
	kind     string // of subjects
	filter   string // a parameter of lists, and
	value    string // of it
	none     string // a filter of classic lists that nothing matches
	body     func() map[string]any
}

func accountBootstrap(c *client) {
	name := "Name " + uniqueEmail()
	listThenFollow(c, copied{"accounts", "id", "account/", "name", name, "name=nobody", func() map[string]any {
		return map[string]any{"name": name, "email": uniqueEmail(), "address": ""}
	}})
}

func audioBootstrap(c *client) {
	account, _ := newAccount(c)
	listThenFollow(c, copied{"audios", "session_id", "audio/", "account_id", account, "session_id=0", func() map[string]any {
		return with(newSession(), map[string]any{"account_id": json.Number(account)})
	}})
}

// listThenFollow reads a list page by page while others create, change and
// delete, and then follows the feed from the cursor of the pages. The result
// must equal the final content of the list.
func listThenFollow(c *client, of copied) {
	var stable []string // ids
	for range 10 {
		stable = append(stable, of.create(c))
	}
	list := "/v1/" + of.name + "?page_size=2&" + url.Values{of.filter: {of.value}}.Encode()
	for _, order := range []string{"id", "created_at+desc", "updated_at", "updated_at+desc"} {
		first := c.get(list + "&order_by=" + order).expect(200)
		var writers sync.WaitGroup
		for i := range 3 {
			writers.Go(func() { of.write(c, stable[i], stable[i+3]) })
		}
		cursor, items := of.read(c, first)
		writers.Wait()
		of.follow(c, cursor, items)
		_, want := of.read(c, c.get(list+"&order_by="+order).expect(200))
		if diff := cmp.Diff(want, items); diff != "" {
			c.t.Errorf("%s by %s, read and followed (-want +got):\n%s", of.name, order, diff)
		}
	}
	of.cursors(c, list)
	of.exportThenFollow(c, stable)
}

// exportThenFollow is listThenFollow for an export.
func (of copied) exportThenFollow(c *client, stable []string) {
	filter := url.Values{of.filter: {of.value}}.Encode()
	var writers sync.WaitGroup
	for i := range 3 {
		writers.Go(func() { of.write(c, stable[i], stable[i+3]) })
	}
	export, items := c.get("/v1/"+of.name+":export?"+filter).expect(200), map[string]map[string]any{}
	for line := range bytes.Lines(export.body) {
		item := decode[map[string]any](answer{t: c.t, call: export.call, body: line})
		of.keep(c, items, of.kind+encode(item[of.id]), item)
	}
	writers.Wait()
	of.follow(c, export.header.Get("Concha-Feed-Cursor"), items)
	_, want := of.read(c, c.get("/v1/"+of.name+"?"+filter).expect(200))
	if diff := cmp.Diff(want, items); diff != "" {
		c.t.Errorf("%s, exported and followed (-want +got):\n%s", of.name, diff)
	}
}

// create may be called from any goroutine.
func (of copied) create(c *client) (id string) {
	a := c.json("POST", "/v1/"+of.name, encode(of.body()))
	var created map[string]json.RawMessage
	if err := json.Unmarshal(a.body, &created); err != nil || a.status != http.StatusCreated {
		c.t.Errorf("%s: %d %s", a.call, a.status, a.body)
	}
	return string(created[of.id])
}

// write creates resources, deletes every other one, and changes the rest and
// others.
func (of copied) write(c *client, others ...string) {
	for i := range 4 {
		id := of.create(c)
		for _, id := range append(others, id) {
			change := of.body()
			delete(change, of.filter)
			change["step_count"] = i + 2 // no member of an account, and ignored there
			if of.id != "id" {
				delete(change, of.id)
			}
			if a := c.patch("/v1/"+of.name+"/"+id, encode(change)); a.status != http.StatusOK {
				c.t.Errorf("%s: %d %s", a.call, a.status, a.body)
			}
		}
		if i%2 == 0 {
			if a := c.delete("/v1/" + of.name + "/" + id); a.status != http.StatusNoContent {
				c.t.Errorf("%s: %d %s", a.call, a.status, a.body)
			}
		}
	}
}

// read returns the items of a list from its first page on, by subject, and the
// cursor of its pages.
func (of copied) read(c *client, page answer) (cursor string, items map[string]map[string]any) {
	c.t.Helper()
	cursor, items = page.header.Get("Concha-Feed-Cursor"), map[string]map[string]any{}
	for {
		if own := page.header.Get("Concha-Feed-Cursor"); own != cursor || cursor == "" {
			c.t.Fatalf("%s: the cursor is %q, on the first page it is %q", page.call, own, cursor)
		}
		for _, item := range decode[struct{ Items []map[string]any }](page).Items {
			of.keep(c, items, of.kind+encode(item[of.id]), item)
		}
		next, ok := nextLink(c, page)
		if !ok {
			return cursor, items
		}
		page = c.get(next).expect(200)
	}
}

// keep has items hold a state of a resource, unless they have a later one.
func (of copied) keep(c *client, items map[string]map[string]any, subject string, state map[string]any) {
	state = maps.Clone(state)
	delete(state, "file_url") // relative in events
	if known := items[subject]; known == nil || version(c, known) < version(c, state) {
		items[subject] = state
	}
}

func version(c *client, resource map[string]any) int64 {
	n, err := strconv.ParseInt(encode(resource["version"]), 10, 64)
	if err != nil {
		c.t.Error(err)
	}
	return n
}

// follow applies the events after a cursor to items, as a consumer does. No
// version may be skipped.
func (of copied) follow(c *client, cursor string, items map[string]map[string]any) {
	c.t.Helper()
	seen := map[string]int64{}
	for subject, item := range items {
		seen[subject] = version(c, item)
	}
	for path := "/v1/events/" + of.name + "?limit=1000&after=" + cursor; ; {
		page := c.get(path).expect(200)
		all := page.events()
		for _, e := range all {
			n, err := strconv.ParseInt(e.ResourceVersion, 10, 64)
			last := seen[e.Subject]
			switch {
			case err != nil || last > 0 && n > last+1:
				c.t.Errorf("%s follows version %d, %v", e.ID, last, err)
			case n <= last:
				continue
			}
			seen[e.Subject] = n
			var data struct{ Resource map[string]any }
			decoder := json.NewDecoder(strings.NewReader(string(e.Data)))
			decoder.UseNumber()
			if err := decoder.Decode(&data); err != nil {
				c.t.Error(err)
			}
			if strings.HasSuffix(e.Type, ".deleted.v1") {
				delete(items, e.Subject)
			} else if value, ok := data.Resource[of.filter]; ok && (value == of.value || value == json.Number(of.value)) {
				of.keep(c, items, e.Subject, data.Resource)
			}
		}
		if path = page.next(); len(all) == 0 {
			return
		}
	}
}

// cursors checks which answers have the cursor and which do not.
func (of copied) cursors(c *client, list string) {
	first := c.get(list).expect(200)
	next, _ := nextLink(c, first)
	of.create(c)
	cursor := func(a answer) string { return a.expect(200).header.Get("Concha-Feed-Cursor") }
	if pinned := cursor(c.head(next)); pinned != cursor(first) {
		c.t.Errorf("HEAD %s: the cursor is %q, on the first page it is %q", next, pinned, cursor(first))
	}
	if later := cursor(c.head(list)); later == cursor(first) || later == "" {
		c.t.Errorf("HEAD %s: the cursor is %q after a change, and was %q before", list, later, cursor(first))
	}
	if classic := cursor(c.get("/" + of.name + "?" + of.none)); classic != "" {
		c.t.Errorf("a classic list has the cursor %q", classic)
	}
}
