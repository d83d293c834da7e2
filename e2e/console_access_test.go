//go:build browser

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/concha-labs/backend/e2e/browsertest"
	"github.com/concha-labs/backend/pkg/apikey"
)

// startGuarded starts a system that requires credentials. It returns its URL and
// an API key for each list of scopes.
func startGuarded(t *testing.T, scopes ...string) (url string, keys []string) {
	t.Helper()
	var lines strings.Builder
	for i, list := range scopes {
		described := apikey.Key{ID: fmt.Sprintf("key%d", i), Name: list}
		if err := described.Scopes.UnmarshalText([]byte(list)); err != nil {
			t.Fatal(err)
		}
		key, line, err := apikey.New(described)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
		lines.Write(append(line, '\n'))
	}
	file := writeFile(t, "keys", lines.String())
	return startProgram(t, t.TempDir(), "CONCHA_AUTH=required", "CONCHA_API_KEYS_FILE="+file).url, keys
}

// signIn opens the console and gives it a credential.
func signIn(p *browsertest.Page, key string) {
	p.Open("/console")
	p.See("This API needs a credential.")
	p.Fill("API key or token", key)
	p.Click("Sign in")
}

// A reader sees everything, live, and is offered nothing that changes it.
func TestConsoleOfAReader(t *testing.T) {
	url, keys := startGuarded(t, "accounts:write accounts:read audios:write", "accounts:read audios:read events:read", "accounts:read")
	writer := []string{"Authorization", "Bearer " + keys[0]}
	id := register(t, url, "Ann", writer...)
	sendJSON(t, http.MethodPost, url+"/v1/audios", sessionDocument(7, id, 1), writer...)
	p := browsertest.New(t, url)
	signIn(p, "concha_key1_wrong")
	p.See("Sign in")
	p.Until(`document.querySelector(".problem code")`) // the id of the refused request
	p.Fill("API key or token", keys[1])
	p.Click("Sign in")
	p.See("key:key1")
	p.See("restricted")
	p.Screenshot("reader-overview")

	const offers = `[...document.querySelectorAll("button, a.button, input[type=file]")].map((e) => e.innerText.trim() || e.getAttribute("aria-label") || e.type)`
	for path, sees := range map[string]string{
		"/console/accounts":                         "Ann",
		"/console/accounts/" + id:                   "1 Main Street",
		"/console/accounts/" + id + "?edit=1":       "1 Main Street",
		"/console/accounts/new":                     "may not",
		"/console/sessions":                         "7",
		"/console/sessions/7":                       "Tick 5: −80.2 dB, picked",
		"/console/accounts/" + id + "?tab=sessions": "1 session",
	} {
		p.Open(path)
		p.See(sees)
		for _, offer := range browsertest.Eval[[]string](p, offers) {
			switch offer {
			case "New account", "Edit", "Delete", "Save", "Create", "file", "Remove":
				t.Errorf("%s offers %q to a reader", path, offer)
			}
		}
	}
	p.Open("/console/events")
	p.See("account/" + id)

	// Without events:read nothing is live, and the rest works.
	p.Click("Sign out")
	signIn(p, keys[2])
	p.See("key:key2")
	p.Until(`!document.querySelector("nav").innerText.includes("Events")`)
	p.Open("/console/accounts/" + id)
	p.See("1 Main Street")
}
