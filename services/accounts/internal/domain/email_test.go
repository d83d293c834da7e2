package domain_test

import (
	"testing"

	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

func TestEmailIsOneAddress(t *testing.T) {
	for email, valid := range map[string]bool{
		"ann@example.org":                true,
		"ann+tag@sub.example.org":        true,
		"a@b":                            true,
		"zoë@münchen.example":            true,
		"o'hara/x=y@example.org":         true,
		`"ann b,c<d>(e)@f"@example.org`:  true,
		`"a\"b"@example.org`:             true,
		"ann@[192.0.2.1]":                true,
		" ann@example.org ":              true, // is trimmed
		"victim@x.org,attacker@evil.org": false,
		"victim@x.org;attacker@evil.org": false,
		"<ann@example.org>":              false,
		"Ann <ann@example.org>":          false,
		"ann(comment)@example.org":       false,
		"ann b@example.org":              false,
		"ann@exa mple.org":               false,
		"ann\u00a0b@example.org":         false,
		"ann@example.org@evil.org":       false,
		`"a"b"@example.org`:              false,
		"ann\n@example.org":              false,
		"@example.org":                   false,
		"ann@":                           false,
	} {
		if _, err := domain.NewProfile("Ann", email, ""); (err == nil) != valid {
			t.Errorf("%q: %v, want it valid: %v", email, err, valid)
		}
	}
}
