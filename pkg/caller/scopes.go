package caller

import (
	"errors"
	"math/bits"
	"strings"
)

// Scopes is a set of rights. The zero Scopes is empty.
type Scopes uint8

// The scopes. The own scopes allow everything that the read and the write scope
// together allow, on the resources that the caller owns.
const (
	AccountsRead Scopes = 1 << iota
	AccountsWrite
	AccountsOwn
	AudiosRead
	AudiosWrite
	AudiosOwn
	EventsRead

	// AllScopes holds every scope.
	AllScopes = 1<<iota - 1
	// OwnScopes holds the own scopes. A caller without credentials has none of
	// them, because it owns nothing.
	OwnScopes = AccountsOwn | AudiosOwn
)

var scopeNames = [...]string{
	"accounts:read", "accounts:write", "accounts:own",
	"audios:read", "audios:write", "audios:own",
	"events:read",
}

// Has reports whether s holds all scopes of subset.
func (s Scopes) Has(subset Scopes) bool { return s&subset == subset }

// String returns the names of the scopes, separated by spaces.
func (s Scopes) String() string {
	names := make([]string, 0, len(scopeNames))
	for rest := s & AllScopes; rest != 0; rest &= rest - 1 {
		names = append(names, scopeNames[bits.TrailingZeros8(uint8(rest))])
	}
	return strings.Join(names, " ")
}

// ScopeOf returns the scope of that name, or the empty set if there is none.
func ScopeOf(name string) Scopes {
	for i, known := range scopeNames {
		if name == known {
			return 1 << i
		}
	}
	return 0
}

// Known returns the scopes among names and ignores the other names: an issuer
// of tokens may have scopes for other services.
func Known(names []string) Scopes {
	var s Scopes
	for _, name := range names {
		s |= ScopeOf(name)
	}
	return s
}

var errScopes = errors.New("must be a list of scopes, separated by spaces or commas: " + strings.Join(scopeNames[:], ", "))

// MarshalText returns String.
func (s Scopes) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText parses names that are separated by spaces or commas. An unknown
// name is an error.
func (s *Scopes) UnmarshalText(text []byte) error {
	var parsed Scopes
	for name := range strings.FieldsFuncSeq(string(text), func(r rune) bool { return r == ' ' || r == ',' }) {
		scope := ScopeOf(name)
		if scope == 0 {
			return errScopes
		}
		parsed |= scope
	}
	*s = parsed
	return nil
}
