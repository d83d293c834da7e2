package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/apikey"
)

const ownScopes = "accounts:own audios:own"

// newKeys adds an API key for each id and list of scopes to a file, and returns
// the keys by their ids. The key "expired" has expired.
func newKeys(t *testing.T, file string, scopes map[string]string) map[string]string {
	t.Helper()
	keys := map[string]string{}
	var lines []byte
	for id, list := range scopes {
		key := apikey.Key{ID: id, Name: id}
		if id == "expired" {
			key.ExpiresAt = time.Now().Add(-time.Second)
		}
		if err := key.Scopes.UnmarshalText([]byte(list)); err != nil {
			t.Fatal(err)
		}
		text, line, err := apikey.New(key)
		if err != nil {
			t.Fatal(err)
		}
		keys[id] = text
		lines = append(append(lines, line...), '\n')
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(lines); err != nil {
		t.Fatal(err)
	}
	return keys
}

// ownerKeys are the callers of the tests of ownership.
var ownerKeys = map[string]string{
	"ann": ownScopes, "bob": ownScopes, "cat": ownScopes, "dan": ownScopes,
	"admin": "accounts:read accounts:write audios:read audios:write events:read", "expired": "accounts:read accounts:write audios:read audios:write events:read",
}

// guarded returns the settings of a gateway that knows the keys of a file and
// the tokens of an issuer. The client can choose the address that it has.
func guarded(file string, i *issuer) []string {
	return append(i.settings(), "CONCHA_AUTH=required", "CONCHA_API_KEYS_FILE="+file, "CONCHA_RATE_LIMIT=1000000/s",
		"CONCHA_ANONYMOUS_SCOPES=", "CONCHA_ANONYMOUS_RATE_LIMIT=1000000/s", "CONCHA_TRUSTED_PROXIES=127.0.0.1,::1")
}

// TestCallers runs the scenarios of callers and of ownership against the system
// in one process.
func TestCallers(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/keys"
	keys := newKeys(t, file, ownerKeys)
	i := newIssuer(t)
	url, _ := startSystem(t, guarded(file, i)...)
	c := newClient(t, url)
	access(c, i, keys)
	tokenStreams(c, i)
	owners(c, keys)
	ownersAtRandom(c, keys)
}

// as returns a client that sends an API key.
func (c *client) as(key string) *client {
	as := *c
	as.key = key
	return &as
}

// owners runs the scenarios of ownership.
func owners(c *client, keys map[string]string) {
	ann, bob, admin := c.as(keys["ann"]), c.as(keys["bob"]), c.as(keys["admin"])
	ann.run("what is another's does not exist", func(c *client) { whatIsAnothers(c, bob.in(c.t)) })
	ann.run("taken names", func(c *client) { takenNames(c, bob.in(c.t)) })
	ann.run("accounts of sessions", func(c *client) { accountsOfOwners(c, bob.in(c.t)) })
	ann.run("idempotency keys of two", func(c *client) { keysOfTwo(c, bob.in(c.t)) })
	ann.run("histories of owners", func(c *client) { historiesOfOwners(c, bob.in(c.t), admin.in(c.t)) })
}

// in returns the client for a subtest.
func (c *client) in(t *testing.T) *client {
	in := *c
	in.t = t
	return &in
}

// owned creates an account with an image and a session.
func owned(c *client) (account, session map[string]any, id, sessionID string) {
	c.t.Helper()
	id, _ = newAccount(c)
	c.do(call{method: "PUT", path: "/v1/accounts/" + id + "/image", header: []string{"Content-Type", "image/png"}, body: pngOf(5, 5)}).expect(200)
	a := c.json("POST", "/v1/audios", encode(newSession())).expect(201)
	return c.get("/v1/accounts/" + id).object(), a.object(), id, a.number("session_id")
}

// ownedCalls returns a request of every kind for an account and a session,
// those that read, those that change, and then those that delete.
func ownedCalls(id, session string) []call {
	document := newSession()
	document["session_id"] = json.Number(session)
	body, patch := []string{"Content-Type", "application/json"}, []string{"Content-Type", "application/merge-patch+json"}
	imageType, imageForm := form(part{"image", "a.png", "image/png", pngOf(6, 6)})
	var calls []call
	for _, path := range []string{
		"/v1/accounts/" + id, "/v1/accounts/" + id + "/image", "/v1/accounts/" + id + "/image?size=64", "/v1/accounts/" + id + "/events", "/accounts/" + id,
		"/v1/audios/" + session, "/v1/audios/" + session + "/file", "/v1/audios/" + session + "/events", "/audios/" + session,
	} {
		calls = append(calls, call{method: "GET", path: path})
	}
	return append(calls,
		call{method: "PUT", path: "/v1/accounts/" + id, header: body, body: profile("X", uniqueEmail(), "")},
		call{method: "PUT", path: "/accounts/" + id, header: body, body: profile("X", uniqueEmail(), "")},
		call{method: "PATCH", path: "/v1/accounts/" + id, header: patch, body: `{"name":"X"}`},
		call{method: "PUT", path: "/v1/accounts/" + id + "/image", header: []string{"Content-Type", "image/png"}, body: pngOf(6, 6)},
		call{method: "POST", path: "/accounts/" + id + "/upload_image", header: []string{"Content-Type", imageType}, body: imageForm},
		call{method: "POST", path: "/accounts/" + id + "/upload-image", header: []string{"Content-Type", imageType}, body: imageForm},
		call{method: "PUT", path: "/v1/audios/" + session, header: body, body: encode(document)},
		call{method: "PUT", path: "/v1/audios/" + session, header: append([]string{"If-Match", `"1"`}, body...), body: encode(document)},
		call{method: "PUT", path: "/audios/" + session, header: body, body: encode(document)},
		call{method: "PATCH", path: "/v1/audios/" + session, header: patch, body: `{"step_count":9}`},
		call{method: "DELETE", path: "/v1/accounts/" + id + "/image"},
		call{method: "DELETE", path: "/v1/accounts/" + id}, call{method: "DELETE", path: "/v1/accounts/" + id, header: []string{"If-Match", `"7"`}},
		call{method: "DELETE", path: "/v1/accounts/" + id + "?allow_missing=true"}, call{method: "DELETE", path: "/accounts/" + id},
		call{method: "DELETE", path: "/v1/audios/" + session}, call{method: "DELETE", path: "/v1/audios/" + session + "?allow_missing=true"},
		call{method: "DELETE", path: "/audios/" + session},
	)
}

// requireCalls checks that ownedCalls has every operation of the contract on one
// account or session, so that a new one is tested as well.
func requireCalls(c *client, id, session string) {
	for op := range c.contract.operations() {
		path := strings.NewReplacer("{id}", id, "{session_id}", session).Replace(op.path)
		if path != op.path && !slices.ContainsFunc(ownedCalls(id, session), func(c call) bool {
			called, _, _ := strings.Cut(c.path, "?")
			return c.method == op.method && called == path
		}) {
			c.t.Errorf("%s %s is not tested on the resource of another", op.method, op.path)
		}
	}
}

// varying is the part of a problem that names its request.
var varying = regexp.MustCompile(`"(instance|request_id)":"[^"]*",?`)

// whatIsAnothers compares the answers about resources of ann with those about
// resources that nobody has.
func whatIsAnothers(ann, bob *client) {
	account, audio, id, session := owned(ann)
	if account["owner"] != "key:ann" || audio["owner"] != "key:ann" {
		ann.t.Errorf("owned by %v and %v", account["owner"], audio["owner"])
	}
	requireCalls(bob, id, session)
	others, none := ownedCalls(id, session), ownedCalls("4503599627370499", encode(uniqueSession()))
	for i := range others {
		got, want := bob.do(others[i]), bob.do(none[i])
		if got.status != want.status || varying.ReplaceAllString(string(got.body), "") != varying.ReplaceAllString(string(want.body), "") {
			bob.t.Errorf("%s: %d %s\n%s: %d %s", got.call, got.status, got.body, want.call, want.status, want.body)
		}
	}
	name := strings.ReplaceAll("?name=NAME", "NAME", account["name"].(string))
	for _, path := range []string{"/v1/accounts", "/v1/accounts" + name, "/v1/accounts?ids=" + id, "/v1/accounts?order_by=updated_at+desc"} {
		wantListed(ann, path, id, true)
		wantListed(bob, path, id, false)
	}
	for _, path := range []string{"/v1/audios", "/v1/audios?session_id=" + session, "/v1/audios?step_count_min=0&step_count_max=9", "/v1/audios?order_by=created_at+desc"} {
		wantListed(ann, path, session, true)
		wantListed(bob, path, session, false)
	}
	bob.get("/v1/events/accounts").problem(403, "forbidden")
	bob.get("/v1/events/audios", "Accept", "text/event-stream").problem(403, "forbidden")
	again, audioAgain := ann.get("/v1/accounts/"+id).expect(200).object(), ann.get("/v1/audios/"+session).expect(200).object()
	if diff := cmp.Diff([]any{account, audio}, []any{again, audioAgain}); diff != "" {
		ann.t.Errorf("another caller changed (-before +after):\n%s", diff)
	}
	for _, c := range ownedCalls(id, session) {
		if c.method == "DELETE" || len(c.header) > 2 {
			continue
		}
		if a := ann.do(c); a.status >= 300 {
			ann.t.Errorf("%s: %d %s", a.call, a.status, a.body)
		}
	}
	ann.delete("/v1/accounts/" + id).expect(204)
	ann.delete("/v1/audios/" + session).expect(204)
}

// wantListed checks whether a list, its total and its export contain a
// resource.
func wantListed(c *client, path, id string, want bool) {
	c.t.Helper()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	a := c.get(path + separator + "include_total=true&page_size=1000").expect(200)
	if a.header.Get("Concha-Feed-Cursor") != "" {
		c.t.Errorf("%s: has a cursor of the feed", a.call)
	}
	page := decode[struct {
		Items []map[string]any `json:"items"`
		Total int              `json:"total_count"`
	}](a)
	if page.Total != len(page.Items) {
		c.t.Errorf("%s: the total is %d of %d", a.call, page.Total, len(page.Items))
	}
	lists := [][]map[string]any{page.Items, exported(c, strings.Replace(path, "?", ":export?", 1)+strings.Repeat(":export", 1-strings.Count(path, "?")))}
	if !strings.Contains(path, "?") {
		lists = append(lists, c.get(strings.TrimPrefix(path, "/v1")).expect(200).array())
	}
	for i, list := range lists {
		found := slices.ContainsFunc(list, func(item map[string]any) bool {
			return item["id"] == json.Number(id) || item["session_id"] == json.Number(id)
		})
		if found != want {
			c.t.Errorf("%s, list %d: contains %s: %v", path, i, id, found)
		}
	}
}

// takenNames checks that an e-mail and a session_id of somebody else are said to
// be taken, and nothing more.
func takenNames(ann, bob *client) {
	account, _, _, session := owned(ann)
	taken := profile("Bob", account["email"].(string), "")
	document := newSession()
	document["session_id"] = json.Number(session)
	bobs := bob.json("POST", "/v1/accounts", profile("Bob", uniqueEmail(), "")).expect(201).number("id")
	for _, a := range []answer{
		bob.json("POST", "/v1/accounts", taken), bob.json("PUT", "/v1/accounts/"+bobs, taken), bob.json("POST", "/v1/audios", encode(document)),
	} {
		a.problem(409, "already-exists")
	}
	bob.json("PUT", "/v1/audios/"+session, encode(document), "If-None-Match", "*").problem(412, "precondition-failed")
	results := bob.json("POST", "/v1/audios:batch", array([]string{encode(document), encode(newSession())})).expect(200).results(409, 201)
	if results[1].Resource["owner"] != "key:bob" {
		bob.t.Errorf("a session of a batch: %v", results[1].Resource)
	}
}

// accountsOfOwners checks that a session may have an account of the same owner
// only.
func accountsOfOwners(ann, bob *client) {
	id, _ := newAccount(ann)
	others, _ := newAccount(bob)
	document := func(account string) map[string]any {
		return with(newSession(), map[string]any{"account_id": json.Number(account)})
	}
	eventually(ann.t, "the account is known", func() bool {
		return ann.json("POST", "/v1/audios", encode(document(id))).status == 201
	})
	a := ann.json("POST", "/v1/audios", encode(document(id))).expect(201)
	for _, account := range []string{others, "4503599627370499"} {
		ann.json("POST", "/v1/audios", encode(document(account))).problem(400, "validation-error", "/account_id")
		ann.patch("/v1/audios/"+a.number("session_id"), `{"account_id":`+account+`}`).problem(400, "validation-error", "/account_id")
		ann.json("POST", "/v1/audios:batch", array([]string{encode(document(account))})).expect(200).results(400)
	}
}

// keysOfTwo sends the same Idempotency-Key as two callers.
func keysOfTwo(ann, bob *client) {
	key := []string{"Idempotency-Key", "same"}
	first := ann.json("POST", "/v1/audios", encode(newSession()), key...).expect(201)
	second := bob.json("POST", "/v1/audios", encode(newSession()), key...).expect(201)
	if first.number("session_id") == second.number("session_id") {
		bob.t.Errorf("one result for two callers: %s", second.body)
	}
}

// historiesOfOwners reads histories of resources that others changed, deleted
// and created again.
func historiesOfOwners(ann, bob, admin *client) {
	_, _, id, session := owned(ann)
	admin.patch("/v1/accounts/"+id, `{"name":"By an admin"}`).expect(200)
	actors := func(c *client, path string) (actors []any) {
		for _, e := range c.get(path).expect(200).array() {
			actors = append(actors, e["data"].(map[string]any)["actor"])
		}
		return actors
	}
	for c, want := range map[*client][]any{ann: {"key:ann", "key:ann", nil}, admin: {"key:ann", "key:ann", "key:admin"}} {
		if diff := cmp.Diff(want, actors(c, "/v1/accounts/"+id+"/events")); diff != "" {
			ann.t.Errorf("actors (-want +got):\n%s", diff)
		}
	}
	ann.delete("/v1/audios/" + session).expect(204)
	for _, c := range []*client{ann, bob} {
		c.get("/v1/audios/"+session+"/events").problem(404, "no-such-instance-error")
	}
	document := newSession()
	document["session_id"] = json.Number(session)
	if a := bob.json("POST", "/v1/audios", encode(document)).expect(201); a.object()["version"] != json.Number("3") {
		bob.t.Errorf("created again: %s", a.body)
	}
	ann.get("/v1/audios/"+session+"/events").problem(404, "no-such-instance-error")
	if got := actors(bob, "/v1/audios/"+session+"/events"); len(got) != 1 || got[0] != "key:bob" {
		bob.t.Errorf("the history of the new owner has the actors %v", got)
	}
	if got := fmt.Sprint(actors(admin, "/v1/audios/"+session+"/events")); got != "[<nil> <nil> key:bob]" {
		admin.t.Errorf("the whole history has the actors %s", got)
	}
}
