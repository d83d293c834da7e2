package domain

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/concha-labs/backend/pkg/fault"
)

const (
	maxText  = 1024 // characters of a name or an address
	maxEmail = 320  // characters of an e-mail
)

// Profile is what a person tells of themselves. NewProfile makes valid ones.
type Profile struct {
	Name    string
	Email   Email
	Address string
}

// Email is a normalised e-mail address: trimmed, and lower-case after the last
// '@'. Before it, letters keep their case, as RFC 5321 has it.
type Email string

// NewProfile checks the fields and normalises the e-mail. The error is of kind
// fault.Invalid and lists every broken rule.
func NewProfile(name, email, address string) (Profile, error) {
	whole, err := NewProfilePatch(&name, &email, &address)
	return Profile{}.Patched(whole), err
}

// ProfilePatch is what is to change of a Profile; what is nil stays as it is.
// NewProfilePatch makes those that leave a valid profile valid.
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

// Patched returns the profile with what patch changes.
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

// NormalizeEmail brings an e-mail into the form in which it is kept and
// compared. It does not check it: what is no e-mail equals no account's.
func NormalizeEmail(s string) Email {
	s = strings.TrimSpace(s)
	at := strings.LastIndexByte(s, '@')
	return Email(s[:at+1] + strings.ToLower(s[at+1:]))
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

func emailRule(s string) string {
	at := strings.LastIndexByte(s, '@')
	switch {
	case at < 1 || at == len(s)-1:
		return "must be an e-mail address: something before and something after an @"
	case utf8.RuneCountInString(s) > maxEmail:
		return "must have at most " + strconv.Itoa(maxEmail) + " characters"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "must not hold control characters"
	default:
		return ""
	}
}
