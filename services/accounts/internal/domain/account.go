// Package domain contains the rules of accounts.
package domain

import (
	"time"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/resource"
)

// MaxID is the largest account id: 2^53-1, the largest integer that every JSON
// client represents exactly. The smallest is 1.
const MaxID = 1<<53 - 1

// The errors of accounts.
var (
	ErrNotFound   = fault.New(fault.NotFound, "no-such-account", "there is no such account")
	ErrNoImage    = fault.New(fault.NotFound, "no-such-image", "the account has no image")
	ErrEmailTaken = fault.New(fault.Conflict, "email-taken", "another account has this e-mail; use another one, or change that account")
	ErrIDTaken    = fault.New(fault.Conflict, "id-taken", "an account of this id exists")
)

// Account is a person with a unique e-mail.
type Account struct {
	ID int64 // 1..MaxID
	Profile
	Image *Image // nil if there is no image
	resource.Meta
}

// Key returns the id.
func (a Account) Key() int64 { return a.ID }

// New returns the first version of an account.
func New(id int64, p Profile, now time.Time) Account {
	return Account{ID: id, Profile: p, Meta: resource.NewMeta(0, now)}
}

// WithProfile returns the account with the profile p, and the names of the
// fields that differ. If none differs, it returns the account unchanged.
func (a Account) WithProfile(p Profile, now time.Time) (changed Account, fields []string) {
	if a.Name != p.Name {
		fields = append(fields, "name")
	}
	if a.Email != p.Email {
		fields = append(fields, "email")
	}
	if a.Address != p.Address {
		fields = append(fields, "address")
	}
	if fields == nil {
		return a, nil
	}
	a.Profile, a.Meta = p, a.Next(now)
	return a, fields
}

// WithImage returns the account with the image img, or without an image if img
// is nil, and the names of the fields that differ. If none differs, it returns
// the account unchanged. The same content in another object is not a
// difference.
func (a Account) WithImage(img *Image, now time.Time) (changed Account, fields []string) {
	if (a.Image == nil && img == nil) || (a.Image != nil && img != nil && a.Image.SHA256 == img.SHA256) {
		return a, nil
	}
	a.Image, a.Meta = img, a.Next(now)
	return a, []string{"image"}
}
