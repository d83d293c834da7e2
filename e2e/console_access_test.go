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

// startGuarded starts a system that requires credentials, with further settings.
// It returns its URL and an API key for each list of scopes.
func startGuarded(t *testing.T, settings []string, scopes ...string) (url string, keys []string) {
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
	return startProgram(t, t.TempDir(), append(settings, "CONCHA_AUTH=required", "CONCHA_API_KEYS_FILE="+file)...).url, keys
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
	url, keys := startGuarded(t, nil, "accounts:write accounts:read audios:write", "accounts:read audios:read events:read", "accounts:read")
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

// A person who manages only their own data works with it as others do with all.
func TestConsoleOfAnOwner(t *testing.T) {
	const own = "accounts:own audios:own"
	url, keys := startGuarded(t, nil, own, own)
	foreign := register(t, url, "Somebody else", "Authorization", "Bearer "+keys[1])
	p := browsertest.New(t, url)
	signIn(p, keys[0])
	p.See("key:key0")
	p.Open("/console/accounts")
	p.See("There are no accounts yet")
	p.Click("New account")
	p.Fill("Name", "Me")
	p.Fill("E-mail", "me@example.org")
	p.Click("Create")
	p.See("Account created")
	id := browsertest.Eval[string](p, `location.pathname.split("/").at(-1)`)
	p.Click("History")
	p.See("Version 1")
	p.Screenshot("owner-history")

	p.Open("/console/accounts/" + id + "?tab=sessions")
	p.See("This account has no sessions")
	sendJSON(t, http.MethodPost, url+"/v1/audios", sessionDocument(8, id, 2), "Authorization", "Bearer "+keys[0])
	p.Open("/console/sessions/8")
	p.See("Tick 5: −80.2 dB, picked")
	p.Open("/console/accounts/" + foreign)
	p.Until(`document.querySelector(".problem, .empty")`)
	p.Until(`!document.body.innerText.includes("Somebody else")`)
}
