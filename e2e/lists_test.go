package e2e

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// listed follows a v1 list and checks which items it has, in their order.
func listed(c *client, path, id string, want ...string) []map[string]any {
	c.t.Helper()
	_, items := pages(c, path)
	var got []string
	for _, item := range items {
		got = append(got, encode(item[id]))
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("%s: %q, want %q", path, got, want)
	}
	return items
}

// byNumber returns integers in their order.
func byNumber(ids []string) []string {
	return slices.SortedFunc(slices.Values(ids), func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
}

func reversed(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Reverse(ids)
	return ids
}

func instant(c *client, value any) time.Time {
	at, err := time.Parse(time.RFC3339Nano, value.(string))
	if err != nil {
		c.t.Error(err)
	}
	return at
}

func v1AccountLists(c *client) {
	name := "Name " + uniqueEmail()
	var ids []string // in the order of creation
	var last map[string]any
	for range 5 {
		a := c.json("POST", "/v1/accounts", profile(name, uniqueEmail(), "")).expect(201)
		ids = append(ids, a.number("id"))
	}
	changed := c.json("PUT", "/v1/accounts/"+ids[0], profile(name, uniqueEmail(), "new")).expect(200).object()
	list := "/v1/accounts?page_size=2&" + url.Values{"name": {name}}.Encode()
	all := "/v1/accounts?page_size=2&ids=" + strings.Join(ids, ",")
	updated := append(slices.Clone(ids[1:]), ids[0])
	for _, list := range []string{list, all} {
		listed(c, list, "id", byNumber(ids)...)
		listed(c, list+"&order_by=id", "id", byNumber(ids)...)
		listed(c, list+"&order_by=id+desc", "id", reversed(byNumber(ids))...)
		listed(c, list+"&order_by=created_at", "id", ids...)
		listed(c, list+"&order_by=created_at%20desc", "id", reversed(ids)...)
		listed(c, list+"&order_by=updated_at", "id", updated...)
		listed(c, list+"&order_by=updated_at+desc", "id", reversed(updated)...)
		since := url.Values{"updated_since": {changed["updated_at"].(string)}}.Encode()
		last = listed(c, list+"&"+since, "id", ids[0])[0]
		listed(c, list+"&"+since+"&order_by=id+desc&include_total=true", "id", ids[0])
		listed(c, list+"&updated_since=2999-01-01T00:00:00%2B02:00", "id")
	}
	if encode(last) != encode(changed) {
		c.t.Errorf("listed %s, changed %s", encode(last), encode(changed))
	}
	first := decode[page](c.get(list + "&include_total=true").expect(200))
	if first.TotalCount == nil || *first.TotalCount != 5 {
		c.t.Errorf("total_count is %v", first.TotalCount)
	}
	if other := decode[page](c.get(list + "&include_total=false").expect(200)); other.TotalCount != nil || other.NextPageToken == "" {
		c.t.Errorf("without a total: %v, token %q", other.TotalCount, other.NextPageToken)
	}
	for _, other := range []string{"&order_by=id+desc", "&order_by=created_at", "&updated_since=2020-01-01T00:00:00Z", "&ids=1"} {
		c.get(list+other+"&page_token="+first.NextPageToken).problem(400, "invalid-page-token")
	}
	// Without a filter, the latest write comes first.
	for _, by := range []string{"created_at", "updated_at"} {
		newest := decode[page](c.get("/v1/accounts?page_size=3&order_by=" + by + "+desc").expect(200))
		if !slices.IsSortedFunc(newest.Items, func(a, b map[string]any) int { return instant(c, b[by]).Compare(instant(c, a[by])) }) {
			c.t.Errorf("by %s: %v", by, newest.Items)
		}
	}
}

func v1AudioLists(c *client) {
	account, _ := newAccount(c)
	var ids []string // in the order of creation
	for i := range 5 {
		session := with(newSession(), map[string]any{
			"account_id": json.Number(account), "selected_tick": i, "step_count": 9 - i,
		})
		c.json("POST", "/v1/audios", encode(session)).expect(201)
		ids = append(ids, encode(session["session_id"]))
	}
	changed := c.get("/v1/audios/" + ids[0]).object()
	changed["step_count"] = 4
	c.json("PUT", "/v1/audios/"+ids[0], encode(changed)).expect(200)
	updated := append(slices.Clone(ids[1:]), ids[0])
	inOrder := byNumber(ids)
	all := "&ids=" + strings.Join(ids, ",")
	for _, filter := range []string{"&account_id=" + account, "&account_id_min=" + account + "&account_id_max=" + account, all} {
		list := "/v1/audios?page_size=2" + filter
		listed(c, list, "session_id", inOrder...)
		listed(c, list+"&order_by=session_id+desc", "session_id", reversed(inOrder)...)
		listed(c, list+"&order_by=id+desc", "session_id", reversed(inOrder)...)
		listed(c, list+"&order_by=created_at+desc", "session_id", reversed(ids)...)
		listed(c, list+"&order_by=updated_at", "session_id", updated...)
		listed(c, list+"&updated_since=2020-01-01T00:00:00Z", "session_id", updated...)
		listed(c, list+"&selected_tick_min=1&selected_tick_max=3", "session_id", byNumber(ids[1:4])...)
		listed(c, list+"&step_count_max=5", "session_id", byNumber([]string{ids[0], ids[4]})...)
		listed(c, list+"&step_count_min=5&step_count=4", "session_id")
		listed(c, list+"&session_id_min="+inOrder[1]+"&session_id_max="+inOrder[3], "session_id", inOrder[1:4]...)
		counted := list + "&include_total=true&step_count_min=5"
		first := decode[page](c.get(counted).expect(200))
		second := decode[page](c.get(counted + "&page_token=" + first.NextPageToken).expect(200))
		for _, total := range []*int{first.TotalCount, second.TotalCount} {
			if total == nil || *total != 4 {
				c.t.Errorf("%s: total_count %v, want 4", list, total)
			}
		}
	}
	// A session of no account is in no range of accounts.
	free := newSession()
	c.json("POST", "/v1/audios", encode(free)).expect(201)
	withFree := "/v1/audios?ids=" + strings.Join(append(ids, encode(free["session_id"])), ",")
	listed(c, withFree+"&account_id_min=0", "session_id", inOrder...)
	listed(c, withFree+"&account_id_max="+account, "session_id", inOrder...)
	listed(c, withFree+"&selected_tick=-7", "session_id")
	listed(c, "/v1/audios?selected_tick_max=3&selected_tick_min=3&step_count_min=6&step_count_max=6&session_id_min="+ids[3]+"&session_id_max="+ids[3], "session_id", ids[3])
	// Ranges that let through those of other scenarios too, in one page.
	found := decode[page](c.get("/v1/audios?page_size=1000&step_count_min=4&selected_tick_min=3&session_id_min=" + inOrder[0] + "&session_id_max=" + inOrder[4]).expect(200))
	var got []string
	for _, item := range found.Items {
		if id := encode(item["session_id"]); slices.Contains(ids, id) {
			got = append(got, id)
		}
	}
	if want := byNumber(ids[3:]); !slices.Equal(got, want) {
		c.t.Errorf("ticks and steps in ranges: %q, want %q", got, want)
	}
}
