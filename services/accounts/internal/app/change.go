package app

import (
	"context"
	"fmt"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// ChangeProfile replaces the profile of an account. A profile that equals the
// current one changes nothing, not even the version.
// Errors: domain.ErrNotFound, domain.ErrEmailTaken, check's own.
func (s *Service) ChangeProfile(ctx context.Context, id int64, p domain.Profile, check Check) (domain.Account, error) {
	a, err := s.update(ctx, id, Once{}, check, func(current domain.Account) (domain.Account, []string) {
		return current.WithProfile(p, s.now())
	})
	if err != nil {
		return domain.Account{}, fmt.Errorf("change account: %w", err)
	}
	return a, nil
}

// PatchProfile changes what patch tells of the profile of an account. If that
// is nothing new, nothing changes, not even the version.
// Errors: domain.ErrNotFound, domain.ErrEmailTaken, check's own.
func (s *Service) PatchProfile(ctx context.Context, id int64, patch domain.ProfilePatch, check Check) (domain.Account, error) {
	a, err := s.update(ctx, id, Once{}, check, func(current domain.Account) (domain.Account, []string) {
		return current.WithProfile(current.Patched(patch), s.now())
	})
	if err != nil {
		return domain.Account{}, fmt.Errorf("patch account: %w", err)
	}
	return a, nil
}

// update applies one of the domain's changes, if check allows, and logs its
// event.
func (s *Service) update(ctx context.Context, id int64, once Once, check Check, apply func(domain.Account) (domain.Account, []string)) (domain.Account, error) {
	return s.store.Update(ctx, id, once, func(current domain.Account) (domain.Account, events.Event, error) {
		if err := check.judge(current); err != nil {
			return domain.Account{}, events.Event{}, err
		}
		next, fields := apply(current)
		if fields == nil {
			return current, events.Event{}, nil
		}
		updated, err := change(ctx, events.AccountUpdatedV1, next, fields)
		return next, updated, err
	})
}
