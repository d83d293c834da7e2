package e2e

import (
	"encoding/json"
	"strings"
)

func accountPatch(c *client) {
	id, want := newAccount(c)
	path := "/v1/accounts/" + id
	for _, nothing := range []string{"{}", `{"unknown":null}`, encode(map[string]any{"name": want["name"], "email": want["email"]})} {
		c.patch(path, nothing).expect(200).equal(want)
	}
	email := uniqueEmail()
	patched := c.patch(path, encode(map[string]any{"email": " " + strings.ToUpper(email[:2]) + email[2:], "address": ""})).expect(200).hasETag(`"2"`)
	want = with(want, map[string]any{
		"email": strings.ToUpper(email[:2]) + email[2:], "address": "", "version": json.Number("2"), "etag": `"2"`,
		"updated_at": patched.object()["updated_at"],
	})
	patched.equal(want)
	c.get(path).expect(200).equal(want)

	_, other := newAccount(c)
	c.patch(path, encode(map[string]any{"email": other["email"]})).problem(409, "already-exists")
	for body, pointers := range map[string][]string{
		`{"name":null}`:                              {"/name"},
		`{"name":1,"email":null,"address":"\n"}`:     {"/name", "/email", "/address"},
		`{"email":"x"}`:                              {"/email"},
		`{"id":1,"version":2,"etag":"","name":"x"}`:  {"/id", "/version", "/etag"},
		`{"created_at":null,"updated_at":"","x":[]}`: {"/created_at", "/updated_at"},
		`{"image":null,"address":[]}`:                {"/image", "/address"},
		`[]`:                                         {""},
		`null`:                                       {""},
	} {
		c.patch(path, body).problem(400, "validation-error", pointers...)
	}
	c.patch(path, `{"name":"x"`).problem(400, "malformed-request", "")
	c.patch(path, "").problem(400, "malformed-request", "")
	for _, contentType := range []string{"application/json", "application/json-patch+json", "text/plain"} {
		a := c.do(call{method: "PATCH", path: path, body: "{}", header: []string{"Content-Type", contentType}})
		a.problem(415, "unsupported-media-type")
		if got := a.header.Get("Accept-Patch"); got != "application/merge-patch+json" {
			c.t.Errorf("Accept-Patch is %q", got)
		}
	}
	c.get(path).expect(200).equal(want)
	c.patch("/v1/accounts/9007199254740990", `{"name":"x"}`).problem(404, "no-such-instance-error")
	c.patch("/v1/accounts/x", `{"name":"x"}`).problem(404, "no-such-instance-error")
	c.patch("/accounts/"+id, `{"name":"x"}`).expect(405)
}

func audioPatch(c *client) {
	account, _ := newAccount(c)
	session := newSession()
	path := "/v1/audios" + sessionPath(session)
	document := encode(session) + "\n"
	want := c.json("POST", "/v1/audios", document).expect(201).object()
	patch := func(body string, changes ...string) {
		c.t.Helper()
		patched := c.patch(path, body).expect(200)
		got := patched.object()
		want = with(want, map[string]any{})
		for _, member := range changes {
			want[member] = got[member]
		}
		patched.equal(want)
		c.get(path).expect(200).equal(want)
	}
	file := func() string {
		c.t.Helper()
		a := c.get(path + "/file").expect(200)
		return string(a.body)
	}
	patch("{}")
	patch(`{"step_count":1,"account_id":null}`)

	patch(`{"account_id":`+account+`}`, "account_id", "version", "etag", "updated_at")
	if got := file(); encode(want["account_id"]) != account || want["etag"] != `"2"` || got != document {
		c.t.Errorf("with an account it is %v, its file %q", want, got)
	}
	ticks := strings.Repeat("-10,", 14) + "-99.99999999999999"
	patch(`{"step_count":2,"ticks":[`+ticks+`]}`, "step_count", "ticks", "file_url", "version", "etag", "updated_at")
	rendered := map[string]any{"account_id": json.Number(account), "session_id": session["session_id"], "ticks": want["ticks"], "selected_tick": session["selected_tick"], "step_count": json.Number("2")}
	c.get(path + "/file").expect(200).equal(rendered)
	if !strings.Contains(file(), "-99.99999999999999") || want["etag"] != `"3"` {
		c.t.Errorf("the file is %s, the session %v", file(), want)
	}
	relative := strings.TrimPrefix(want["file_url"].(string), c.url)
	c.get(relative, "If-None-Match", c.head(relative).expect(200).header.Get("ETag")).expect(304)
	patch(`{"account_id":null}`, "account_id", "file_url", "version", "etag", "updated_at")
	delete(rendered, "account_id")
	c.get(path + "/file").expect(200).equal(rendered)

	for body, pointers := range map[string][]string{
		`{"ticks":null,"selected_tick":null,"step_count":null}`: {"/ticks", "/selected_tick", "/step_count"},
		`{"ticks":[-10],"selected_tick":15,"step_count":"1"}`:   {"/ticks", "/selected_tick", "/step_count"},
		`{"account_id":0}`: {"/account_id"},
		`{"session_id":1,"file_url":"","version":1,"etag":null}`:      {"/session_id", "/file_url", "/version", "/etag"},
		`{"created_at":1,"updated_at":1,"account_id":"1","ticks":{}}`: {"/created_at", "/updated_at", "/account_id", "/ticks"},
		`"x"`: {""},
	} {
		c.patch(path, body).problem(400, "validation-error", pointers...)
	}
	c.json("PATCH", path, "{}").problem(415, "unsupported-media-type")
	c.patch("/v1/audios"+sessionPath(newSession()), "{}").problem(404, "no-such-instance-error")
	c.patch(path, `{"step_count":9}`, "If-Match", `"3"`).failedCondition(`"4"`)
	c.get(path).expect(200).equal(want)
	c.json("PUT", path, document).expect(200)
	if got := file(); got != document {
		c.t.Errorf("the file is %q after it was put again", got)
	}
}

// accountOfASession checks that the classic API, which knows no accounts of
// sessions, leaves them alone.
func accountOfASession(c *client) {
	account, _ := newAccount(c)
	session := newSession()
	path := sessionPath(session)
	c.json("POST", "/v1/audios", encode(with(session, map[string]any{"account_id": json.Number(account)}))).expect(201)
	wantAccount := func(want string) {
		c.t.Helper()
		if got := encode(c.get("/v1/audios" + path).expect(200).object()["account_id"]); got != want {
			c.t.Errorf("the account is %s, want %s", got, want)
		}
	}
	document := encode(with(session, map[string]any{"step_count": 3}))
	c.json("PUT", "/audios"+path, document).expect(200)
	wantAccount(account)
	if got := string(c.get("/v1/audios" + path + "/file").expect(200).body); got != document {
		c.t.Errorf("the file is %q, want %q", got, document)
	}
	c.form("PUT", "/audios"+path, part{key: "audio", name: "a.json", content: encode(session)}).expect(200)
	wantAccount(account)
	c.json("PUT", "/v1/audios"+path+"?keep_account=true", document).expect(200)
	wantAccount(account)
	c.json("PUT", "/v1/audios"+path+"?keep_account=true", encode(with(session, map[string]any{"account_id": nil}))).expect(200)
	wantAccount(account)
	c.beyond().json("PUT", "/audios"+path, encode(with(session, map[string]any{"account_id": "none"}))).expect(200)
	wantAccount(account)
	other := with(newSession(), map[string]any{"account_id": json.Number(account)})
	c.beyond().json("POST", "/audios", encode(other)).expect(201)
	if got := c.get("/v1/audios" + sessionPath(other)).expect(200).object()["account_id"]; got != nil {
		c.t.Errorf("a session of the classic API has account %v", got)
	}
	c.json("PUT", "/v1/audios"+path, encode(with(session, map[string]any{"account_id": json.Number(account)}))).expect(200)
	wantAccount(account)
	c.json("PUT", "/v1/audios"+path+"?keep_account=yes", document).problem(400, "validation-error", "keep_account")
	c.json("PUT", "/v1/audios"+path+"?keep_account=false", document).expect(200)
	wantAccount("null")
}
