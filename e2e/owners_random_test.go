package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// ownersModel is the resources that there are, and their owners.
type ownersModel struct {
	callers  map[string]*client
	accounts map[string]string // owners by id
	sessions map[string]string // owners by session_id
	deleted  []string          // ids of accounts
	pool     []string          // session ids, few enough to be used again
}

// ownersAtRandom lets callers do random things with random resources, and
// compares every answer with a model: no caller sees, counts or changes what is
// another's.
func ownersAtRandom(c *client, keys map[string]string) {
	c.run("at random", func(c *client) {
		m := ownersModel{callers: map[string]*client{}, accounts: map[string]string{}, sessions: map[string]string{}, deleted: []string{"4503599627370499"}}
		for _, id := range []string{"cat", "dan", "admin"} {
			m.callers[id] = c.as(keys[id])
		}
		for range 10 {
			m.pool = append(m.pool, encode(uniqueSession()))
		}
		rapid.Check(c.t, func(t *rapid.T) { // the system and the model go on
			t.Repeat(map[string]func(*rapid.T){
				"register": m.register, "account": m.useAccount, "create": m.create, "session": m.useSession, "list": m.list,
			})
		})
	})
}

func (m *ownersModel) caller(t *rapid.T) (id string, c *client) {
	id = rapid.SampledFrom([]string{"cat", "dan", "admin"}).Draw(t, "caller")
	return id, m.callers[id]
}

// sees reports whether a resource exists for a caller.
func sees(caller, owner string) bool { return owner != "" && (caller == "admin" || caller == owner) }

// want ends the check unless the answer has a status.
func want(t *rapid.T, a answer, status int) {
	if a.status != status {
		t.Fatalf("%s: %d, want %d: %s", a.call, a.status, status, a.body)
	}
}

func (m *ownersModel) register(t *rapid.T) {
	id, c := m.caller(t)
	body := profile("Jo", uniqueEmail(), rapid.SampledFrom([]string{"", "1 Way"}).Draw(t, "address"))
	if rapid.Bool().Draw(t, "in a batch") {
		a := c.json(http.MethodPost, "/v1/accounts:batch", array([]string{body}))
		want(t, a, 200)
		m.accounts[fmt.Sprint(a.results(201)[0].Resource["id"])] = id
		return
	}
	a := c.json(http.MethodPost, rapid.SampledFrom([]string{"/v1/accounts", "/accounts"}).Draw(t, "path"), body)
	want(t, a, 201)
	m.accounts[a.number("id")] = id
}

func (m *ownersModel) useAccount(t *rapid.T) {
	caller, c := m.caller(t)
	id := rapid.SampledFrom(append(slices.Sorted(maps.Keys(m.accounts)), m.deleted...)).Draw(t, "id")
	status := func(seen int) int {
		if sees(caller, m.accounts[id]) {
			return seen
		}
		return 404
	}
	switch rapid.IntRange(0, 5).Draw(t, "use") {
	case 0:
		a := c.get("/v1/accounts/" + id)
		want(t, a, status(200))
		if a.status == 200 && a.object()["owner"] != "key:"+m.accounts[id] {
			t.Fatalf("%s: owned by %s: %s", a.call, m.accounts[id], a.body)
		}
	case 1:
		want(t, c.json(http.MethodPut, "/accounts/"+id, profile("Jo", uniqueEmail(), "1 Way")), status(200))
	case 2:
		want(t, c.patch("/v1/accounts/"+id, `{"name":"Flo"}`), status(200))
	case 3:
		want(t, c.do(call{method: http.MethodPut, path: "/v1/accounts/" + id + "/image", header: []string{"Content-Type", "image/png"}, body: pngOf(3, 3)}), status(200))
		want(t, c.get("/v1/accounts/"+id+"/image"), status(200))
	case 4:
		a := c.get("/v1/accounts/" + id + "/events?limit=1000")
		if caller != "admin" { // who also reads the histories of deleted accounts
			want(t, a, status(200))
		}
	case 5:
		want(t, c.delete("/v1/accounts/"+id), status(204))
		if sees(caller, m.accounts[id]) {
			delete(m.accounts, id)
			m.deleted = append(m.deleted, id)
		}
	}
}

func (m *ownersModel) create(t *rapid.T) {
	id, c := m.caller(t)
	session := rapid.SampledFrom(m.pool).Draw(t, "session")
	document := newSession()
	document["session_id"] = json.Number(session)
	path, taken := "/v1/audios", 409
	switch rapid.IntRange(0, 2).Draw(t, "tree") {
	case 1:
		path, taken = "/audios", 400
	case 2:
		a := c.json(http.MethodPost, "/v1/audios:batch", array([]string{encode(document)}))
		want(t, a, 200)
		if m.sessions[session] != "" {
			a.results(409)
			return
		}
		a.results(201)
		m.sessions[session] = id
		return
	}
	a := c.json(http.MethodPost, path, encode(document))
	if m.sessions[session] != "" {
		want(t, a, taken)
		return
	}
	want(t, a, 201)
	m.sessions[session] = id
}

func (m *ownersModel) useSession(t *rapid.T) {
	caller, c := m.caller(t)
	session := rapid.SampledFrom(m.pool).Draw(t, "session")
	document := newSession()
	document["session_id"] = json.Number(session)
	status := func(seen int) int {
		if sees(caller, m.sessions[session]) {
			return seen
		}
		return 404
	}
	switch rapid.IntRange(0, 5).Draw(t, "use") {
	case 0:
		a := c.get("/v1/audios/" + session)
		want(t, a, status(200))
		if a.status == 200 && a.object()["owner"] != "key:"+m.sessions[session] {
			t.Fatalf("%s: owned by %s: %s", a.call, m.sessions[session], a.body)
		}
	case 1:
		want(t, c.json(http.MethodPut, rapid.SampledFrom([]string{"/v1/audios/", "/audios/"}).Draw(t, "path")+session, encode(document)), status(200))
	case 2:
		want(t, c.patch("/v1/audios/"+session, `{"step_count":`+fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "step"))+`}`), status(200))
	case 3:
		want(t, c.get("/v1/audios/"+session+"/file"), status(200))
	case 4:
		a := c.get("/v1/audios/" + session + "/events?limit=1000")
		if caller == "admin" { // who also reads the histories of deleted sessions
			return
		}
		want(t, a, status(200))
		if a.status != 200 {
			return
		}
		for i, e := range a.array() {
			if created := strings.Contains(fmt.Sprint(e["type"]), "created"); created != (i == 0) {
				t.Fatalf("event %d of what %s owns is %v", i, caller, e)
			}
		}
	case 5:
		want(t, c.delete("/v1/audios/"+session), status(204))
		if sees(caller, m.sessions[session]) {
			delete(m.sessions, session)
		}
	}
}

// list compares the lists of a caller, their totals and their exports with the
// model.
func (m *ownersModel) list(t *rapid.T) {
	caller, c := m.caller(t)
	if caller == "admin" { // others use the system, too
		return
	}
	kind := rapid.SampledFrom([]string{"accounts", "audios"}).Draw(t, "kind")
	owners, key := m.accounts, "id"
	if kind == "audios" {
		owners, key = m.sessions, "session_id"
	}
	var seen []string
	for id, owner := range owners {
		if sees(caller, owner) {
			seen = append(seen, id)
		}
	}
	slices.Sort(seen)
	query := "&order_by=" + rapid.SampledFrom([]string{key, key + "+desc", "created_at", "created_at+desc", "updated_at", "updated_at+desc"}).Draw(t, "order")
	query += rapid.SampledFrom([]string{"", "&updated_since=2020-01-01T00:00:00Z"}).Draw(t, "filter")
	a := c.get("/v1/" + kind + "?include_total=true&page_size=1000" + query)
	want(t, a, 200)
	page := decode[struct {
		Items []map[string]any `json:"items"`
		Total int              `json:"total_count"`
	}](a)
	if page.Total != len(seen) {
		t.Fatalf("%s: the total is %d, want %d", a.call, page.Total, len(seen))
	}
	for name, items := range map[string][]map[string]any{
		"list": page.Items, "export": exported(c, "/v1/"+kind+":export?"+query[1:]), "classic list": c.get("/" + kind).array(),
	} {
		got := []string{}
		for _, item := range items {
			got = append(got, fmt.Sprint(item[key]))
		}
		slices.Sort(got)
		if !slices.Equal(got, seen) {
			t.Fatalf("the %s of %s has %v, want %v", name, caller, got, seen)
		}
	}
}
