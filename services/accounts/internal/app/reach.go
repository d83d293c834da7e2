package app

import (
	"context"
	"fmt"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// The caller in the context of a use case has a reach. An account outside of it
// appears not to exist: get, Condition.within and Query.Owner apply that to single
// accounts, to changes and to lists.

// get returns an account within reach. Errors: domain.ErrNotFound.
func (s *Service) get(ctx context.Context, id int64, reach caller.Reach) (domain.Account, error) {
	a, err := s.db.Get(ctx, id)
	if err == nil && !reach.Includes(a.Owner) {
		return domain.Account{}, domain.ErrNotFound
	}
	return a, err
}

// within returns a Condition that judges the accounts within reach, and refuses
// others with domain.ErrNotFound.
func (c Condition) within(reach caller.Reach) Condition {
	return func(current domain.Account) error {
		if !reach.Includes(current.Owner) {
			return domain.ErrNotFound
		}
		return c.judge(current)
	}
}

// Get returns an account. Idempotent. Errors: domain.ErrNotFound,
// caller.ErrForbidden.
func (s *Service) Get(ctx context.Context, id int64) (domain.Account, error) {
	reach, err := caller.From(ctx).Read(caller.Accounts)
	if err != nil {
		return domain.Account{}, err
	}
	a, err := s.get(ctx, id, reach)
	if err != nil {
		return domain.Account{}, fmt.Errorf("get account: %w", err)
	}
	return a, nil
}

// Exists returns nil if there is an account whose history the caller may read.
// Idempotent. Errors: domain.ErrNotFound, caller.ErrForbidden.
func (s *Service) Exists(ctx context.Context, id int64) error {
	reach, err := caller.From(ctx).History(caller.Accounts)
	if err != nil {
		return err
	}
	_, err = s.get(ctx, id, reach)
	return err
}
