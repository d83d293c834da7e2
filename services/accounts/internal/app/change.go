package app

import (
	"context"
	"fmt"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
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
	reach, err := caller.From(ctx).Write(caller.Accounts)
	if err != nil {
		return domain.Account{}, err
	}
	cond = cond.within(reach)
	a, err := s.db.Update(ctx, id, once, func(current domain.Account) (domain.Account, events.Event, error) {
		if err := cond.judge(current); err != nil {
			return domain.Account{}, events.Event{}, err
		}
		next, fields := apply(current)
		if fields == nil {
			return current, events.Event{}, nil
		}
		updated, err := change(ctx, events.AccountUpdatedV1, next, fields)
		return next, updated, err
	})
	if err == nil && !reach.Includes(a.Owner) { // a repetition by a caller that has lost a scope since
		return domain.Account{}, domain.ErrNotFound
	}
	return a, err
}
