package domain

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/concha-labs/backend/pkg/fault"
)

const (
	maxText  = 1024 // maximum characters of a name or an address
	maxEmail = 320  // maximum characters of an e-mail
)

// Profile is the personal data of an account. NewProfile returns valid ones.
type Profile struct {
	Name    string
	Email   Email
	Address string
}

// Email is a normalized e-mail address: trimmed, and in lower case after the
// last '@'. The part before it keeps its case, as RFC 5321 requires.
type Email string

// NewProfile checks the fields and normalizes the e-mail. The error has the
// kind fault.Invalid and lists every broken rule.
func NewProfile(name, email, address string) (Profile, error) {
	whole, err := NewProfilePatch(&name, &email, &address)
	return Profile{}.Patched(whole), err
}

// ProfilePatch is a change of a Profile. Fields that are nil stay unchanged. A
// patch made by NewProfilePatch keeps a valid profile valid.
type ProfilePatch struct {
	Name    *string
	Email   *Email
	Address *string
}

// NewProfilePatch checks the fields that are not nil as NewProfile does.
func NewProfilePatch(name, email, address *string) (ProfilePatch, error) {
	var violations []fault.Violation
	check := func(pointer string, rule string) {
		if rule != "" {
			violations = append(violations, fault.Violation{Pointer: pointer, Detail: rule})
		}
	}
	patch := ProfilePatch{Name: name, Address: address}
	if name != nil {
		check("/name", textRule(*name))
	}
	if email != nil {
		normal := NormalizeEmail(*email)
		patch.Email = &normal
		check("/email", emailRule(string(normal)))
	}
	if address != nil {
		check("/address", textRule(*address))
	}
	if err := fault.Invalidate(violations...); err != nil {
		return ProfilePatch{}, err
	}
	return patch, nil
}

// Patched returns the profile changed by patch.
func (p Profile) Patched(patch ProfilePatch) Profile {
	if patch.Name != nil {
		p.Name = *patch.Name
	}
	if patch.Email != nil {
		p.Email = *patch.Email
	}
	if patch.Address != nil {
		p.Address = *patch.Address
	}
	return p
}

// NormalizeEmail returns an e-mail in the form in which it is stored and
// compared. It does not validate: an invalid e-mail equals that of no account.
func NormalizeEmail(s string) Email {
	s = strings.TrimSpace(s)
	at := strings.LastIndexByte(s, '@')
	return Email(s[:at+1] + strings.Map(lower, s[at+1:]))
}

// lower returns the lower case of a letter in a domain. A letter outside of ASCII
// whose lower case is inside, such as U+0130 (an I with a dot), stays: with an i
// in its place the domain would be another one.
func lower(r rune) rune {
	if l := unicode.ToLower(r); r < utf8.RuneSelf || l >= utf8.RuneSelf {
		return l
	}
	return r
}

func textRule(s string) string {
	switch {
	case utf8.RuneCountInString(s) > maxText:
		return "must have at most " + strconv.Itoa(maxText) + " characters"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "must not hold control characters"
	default:
		return ""
	}
}

// emailRule returns what is wrong with an e-mail. It refuses what no mail server
// takes as one address, and leaves the rest to them: a list, angle brackets,
// comments, and spaces, which only a quoted local part may have.
func emailRule(s string) string {
	at := strings.LastIndexByte(s, '@')
	switch {
	case at < 1 || at == len(s)-1:
		return "must be an e-mail address: something before and something after an @"
	case utf8.RuneCountInString(s) > maxEmail:
		return "must have at most " + strconv.Itoa(maxEmail) + " characters"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "must not hold control characters"
	}
	local, host := s[:at], s[at+1:]
	if quoted(local) {
		local = ""
	}
	switch {
	case strings.ContainsFunc(local+host, unicode.IsSpace):
		return "must be one e-mail address: no spaces outside quotation marks"
	case strings.ContainsAny(local+host, `,;<>()"@`):
		return "must be one e-mail address alone: none of , ; < > ( ) and no second @ outside quotation marks"
	}
	return ""
}

// quoted reports whether a local part is a quoted string (RFC 5321, 4.1.2).
func quoted(local string) bool {
	if len(local) < 2 || local[0] != '"' || local[len(local)-1] != '"' {
		return false
	}
	escaped := false
	for _, c := range []byte(local[1 : len(local)-1]) {
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			return false
		}
	}
	return !escaped
}
