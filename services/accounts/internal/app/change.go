package app

import (
	"context"
	"fmt"

	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// ChangeProfile replaces the profile of an account. If the profile equals the
// current one, nothing changes, not even the version. Idempotent. Errors:
// domain.ErrNotFound, domain.ErrEmailTaken, caller.ErrForbidden, the error of
// cond.
func (s *Service) ChangeProfile(ctx context.Context, id int64, p domain.Profile, cond Condition) (domain.Account, error) {
	a, err := s.update(ctx, id, idempotency.Request{}, cond, func(current domain.Account) (domain.Account, []string) {
		return current.WithProfile(p, s.now())
	})
	if err != nil {
		return domain.Account{}, fmt.Errorf("change account: %w", err)
	}
	return a, nil
}

// PatchProfile changes the fields of an account's profile that are set in
// patch. If none differs, nothing changes, not even the version. Idempotent.
// Errors: domain.ErrNotFound, domain.ErrEmailTaken, caller.ErrForbidden, the error of
// cond.
func (s *Service) PatchProfile(ctx context.Context, id int64, patch domain.ProfilePatch, cond Condition) (domain.Account, error) {
	a, err := s.update(ctx, id, idempotency.Request{}, cond, func(current domain.Account) (domain.Account, []string) {
		return current.WithProfile(current.Patched(patch), s.now())
	})
	if err != nil {
		return domain.Account{}, fmt.Errorf("patch account: %w", err)
	}
	return a, nil
}

// update applies a change of the domain to an account that the caller may
// change, if cond allows it, and logs the event.
func (s *Service) update(ctx context.Context, id int64, once idempotency.Request, cond Condition, apply func(domain.Account) (domain.Account, []string)) (domain.Account, error) {
	reach, cond, err := s.Changing(ctx, cond)
	if err != nil {
		return domain.Account{}, err
	}
	a, err := s.db.Update(ctx, id, once, s.Change(ctx, cond, func(current domain.Account) (domain.Account, []string, error) {
		next, fields := apply(current)
		return next, fields, nil
	}))
	return s.Within(reach, a, err) // a repetition may be by a caller that has lost a scope since
}
