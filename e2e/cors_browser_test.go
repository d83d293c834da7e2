//go:build browser

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/concha-labs/backend/e2e/browsertest"
)

// useAPI is the script of a page of another origin. It creates an account,
// changes it under a condition, uploads an image and reads the stream until it
// has the event of that. It returns the versions that it has seen.
const useAPI = `(async () => {
	const [api, key, picture] = %s;
	const authorization = {Authorization: "Bearer " + key};
	const send = async (method, path, status, headers, body) => {
		const response = await fetch(api + path, {method, headers: {...authorization, ...headers}, body});
		if (response.status !== status) throw new Error(method + " " + path + ": " + response.status + " " + await response.text());
		return response;
	};
	const json = {"Content-Type": "application/json"};
	const before = (await send("GET", "/v1/accounts?page_size=1", 200)).headers.get("Concha-Feed-Cursor");
	const profile = {name: "Jo", email: "jo@example.com", address: ""};
	const created = await send("POST", "/v1/accounts", 201, {...json, "Idempotency-Key": crypto.randomUUID()}, JSON.stringify(profile));
	const path = new URL(created.headers.get("Location"), api).pathname;
	const etags = [created.headers.get("ETag")];
	const changed = await send("PUT", path, 200, {...json, "If-Match": etags[0]}, JSON.stringify({...profile, name: "Joe"}));
	etags.push(changed.headers.get("ETag"));
	await send("PUT", path, 412, {...json, "If-Match": etags[0]}, JSON.stringify(profile));
	const bytes = Uint8Array.from(atob(picture), (c) => c.charCodeAt(0));
	await send("PUT", path + "/image", 200, {"Content-Type": "image/png", "If-Match": etags[1]}, new Blob([bytes]));
	const stream = await send("GET", "/v1/events/accounts", 200, {Accept: "text/event-stream", "Last-Event-ID": before});
	const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
	const versions = [];
	for (let text = ""; versions.length < 3;) {
		const {value, done} = await reader.read();
		if (done) throw new Error("the stream ends after " + text);
		text += value;
		versions.splice(0, Infinity, ...[...text.matchAll(/"resourceversion":"?(\d+)/g)].map((m) => m[1]));
	}
	await reader.cancel();
	const refused = await fetch(api + path, {headers: {Authorization: "Bearer concha_x_y"}});
	return [...etags, ...versions, String(refused.status), (await refused.json()).title !== "" ? "problem" : ""];
})()`

// A page of an allowed origin uses the whole API, and one of another origin
// cannot read an answer.
func TestBrowserUsesTheAPIFromAnotherOrigin(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><link rel="icon" href="data:,"><title>App</title>`))
	})
	app, other := httptest.NewServer(page), httptest.NewServer(page)
	t.Cleanup(app.Close)
	t.Cleanup(other.Close)
	url, keys := startGuarded(t, []string{"CONCHA_CORS_ORIGINS=" + app.URL}, "accounts:read accounts:write events:read")
	arguments := encode([]any{url, keys[0], []byte(pngOf(4, 4))}) // bytes are encoded in Base64

	p := browsertest.New(t, app.URL)
	p.Tolerate("request to another origin: " + url + "/v1/")
	p.Open("/")
	got := browsertest.Eval[[]string](p, fmt.Sprintf(useAPI, arguments))
	if want := []string{`"1"`, `"2"`, "1", "2", "3", "401", "problem"}; !slices.Equal(got, want) {
		t.Errorf("the page has seen %q, want %q", got, want)
	}

	p = browsertest.New(t, other.URL)
	p.Tolerate("request to another origin: " + url + "/v1/")
	p.Tolerate("has been blocked by CORS policy")
	p.Open("/")
	if got := browsertest.Eval[string](p, fmt.Sprintf(`(`+useAPI+`).then(() => "read", (e) => e.name)`, arguments)); got != "TypeError" {
		t.Errorf("a page of an origin that is not allowed: %s", got)
	}
}
