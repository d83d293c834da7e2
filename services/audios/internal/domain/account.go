package domain

import "github.com/concha-labs/backend/pkg/caller"

// Account is what this service has learnt from events about the account of a
// session.
type Account struct {
	Deleted bool
	Owner   string // "" if the account has no owner, or is not known here
}

// Admit reports whether a session of a caller may name the account. A caller
// that may use only its own resources must own the account: any other account
// is refused alike, whether it exists or not. Errors: ErrAccountDeleted,
// ErrAccountUnknown.
func (a Account) Admit(own caller.Reach) error {
	switch {
	case !own.Includes(a.Owner):
		return ErrAccountUnknown
	case a.Deleted:
		return ErrAccountDeleted
	}
	return nil
}
