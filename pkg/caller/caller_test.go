package caller_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/concha-labs/backend/pkg/caller"
)

func TestReach(t *testing.T) {
	const ann, bob = "key:ann", "key:bob"
	for name, test := range map[string]struct {
		caller      caller.Caller
		read, write string // the owners within reach among ann, bob and nobody
	}{
		"nobody, no scope":     {caller.Caller{}, "", ""},
		"no scope":             {caller.Caller{ID: ann}, "", ""},
		"read":                 {caller.Caller{ID: ann, Scopes: caller.AccountsRead}, "ann bob none", ""},
		"write":                {caller.Caller{ID: ann, Scopes: caller.AccountsWrite}, "", "ann bob none"},
		"own":                  {caller.Caller{ID: ann, Scopes: caller.AccountsOwn}, "ann", "ann"},
		"own, but nobody":      {caller.Caller{Scopes: caller.AccountsOwn}, "", ""},
		"read and own":         {caller.Caller{ID: ann, Scopes: caller.AccountsRead | caller.AccountsOwn}, "ann bob none", "ann"},
		"scopes of audios":     {caller.Caller{ID: ann, Scopes: caller.AudiosRead | caller.AudiosWrite | caller.AudiosOwn}, "", ""},
		"nobody may read":      {caller.Caller{Scopes: caller.AccountsRead}, "ann bob none", ""},
		"the system's context": {caller.From(t.Context()), "ann bob none", "ann bob none"},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(reach caller.Reach, err error, want string) {
				t.Helper()
				var owners []string
				for name, owner := range map[string]string{"ann": ann, "bob": bob, "none": ""} {
					if reach.Includes(owner) {
						owners = append(owners, name)
					}
				}
				if len(owners) != len(strings.Fields(want)) {
					t.Errorf("reaches what %q own, want %q", owners, want)
				}
				for _, owner := range owners {
					if !strings.Contains(want, owner) {
						t.Errorf("reaches what %s owns, want %q", owner, want)
					}
				}
				if (want == "") != errors.Is(err, caller.ErrForbidden) {
					t.Errorf("error = %v for the owners %q", err, want)
				}
			}
			read, err := test.caller.Read(caller.Accounts)
			check(read, err, test.read)
			write, err := test.caller.Write(caller.Accounts)
			check(write, err, test.write)
		})
	}
}

func TestHistoryIsOpenToFollowers(t *testing.T) {
	follower := caller.Caller{ID: "key:f", Scopes: caller.EventsRead}
	if reach, err := follower.History(caller.Audios); err != nil || !reach.Includes("") {
		t.Errorf("History of a follower = %v, %v", reach, err)
	}
	owner := caller.Caller{ID: "key:o", Scopes: caller.AudiosOwn}
	if reach, err := owner.History(caller.Audios); err != nil || reach != caller.Of("key:o") {
		t.Errorf("History of an owner = %v, %v", reach, err)
	}
	if _, err := owner.History(caller.Accounts); !errors.Is(err, caller.ErrForbidden) {
		t.Errorf("History of another kind: %v", err)
	}
}

func TestContextCarriesTheCaller(t *testing.T) {
	want := caller.Caller{ID: caller.Subject("https://issuer.example", "ann"), Scopes: caller.AudiosOwn}
	if got := caller.From(caller.With(t.Context(), &want)); got != want || got.ID != "https://issuer.example|ann" {
		t.Errorf("From = %v, want %v", got, want)
	}
	if got, ok := caller.Lookup(t.Context()); ok {
		t.Errorf("Lookup without a caller = %v", got)
	}
}

func TestScopesAsText(t *testing.T) {
	var s caller.Scopes
	if err := s.UnmarshalText([]byte("audios:own, events:read accounts:read")); err != nil ||
		s != caller.AudiosOwn|caller.EventsRead|caller.AccountsRead {
		t.Errorf("UnmarshalText = %v, %v", s, err)
	}
	if got := s.String(); got != "accounts:read audios:own events:read" {
		t.Errorf("String = %q", got)
	}
	if err := s.UnmarshalText([]byte("accounts:all")); err == nil || !strings.Contains(err.Error(), "accounts:write") {
		t.Errorf("an unknown scope: %v, want the scopes that there are", err)
	}
	if got := caller.Known([]string{"openid", "accounts:write"}); got != caller.AccountsWrite {
		t.Errorf("Known = %v", got)
	}
	if got := caller.Scopes(caller.AllScopes).String(); strings.Count(got, ":") != 7 {
		t.Errorf("all scopes are %q", got)
	}
}

func TestLogsHaveNoPersonalData(t *testing.T) {
	for id, want := range map[string]string{
		"": "", "key:ci": "key:ci", caller.Subject("https://issuer.example", "ann@example.org"): "jwt:6b917a92130955d1",
	} {
		if got := (caller.Caller{ID: id}).Logged(); got != want {
			t.Errorf("Logged of %q = %q, want %q", id, got, want)
		}
	}
}
