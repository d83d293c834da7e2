package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// Registered is the result of one profile of a batch. The only reason of a refusal
// is domain.ErrEmailTaken.
type Registered = idempotency.Outcome[domain.Account]

// RegisterAll registers each profile as Register does, one after the other, and
// returns the result of each. It uses one transaction for each group of
// idempotency.CreateGroups. If a group fails, the accounts of earlier groups
// stay, and a repetition with the same key continues after them. Idempotent if
// once has a key. Errors: idempotency.ErrReused, caller.ErrForbidden.
func (s *Service) RegisterAll(ctx context.Context, profiles []domain.Profile, once idempotency.Request) ([]Registered, error) {
	outcomes, err := idempotency.CreateGroups(profiles, once, func(group []domain.Profile, once idempotency.Request) ([]Outcome, error) {
		return s.registerGroup(ctx, group, once)
	})
	if err != nil {
		return nil, fmt.Errorf("register accounts: %w", err)
	}
	registered := make([]Registered, len(outcomes))
	for i, o := range outcomes {
		registered[i].Refused = o.Refused
		if o.Refused == nil {
			registered[i].Result = domain.New(o.Result.ID, profiles[i], o.Result.CreatedAt)
			registered[i].Result.Owner = caller.From(ctx).ID
		}
	}
	return registered, nil
}

func (s *Service) registerGroup(ctx context.Context, profiles []domain.Profile, once idempotency.Request) ([]Outcome, error) {
	for attempt := 1; ; attempt++ {
		accounts, created := make([]domain.Account, len(profiles)), make([]events.Event, len(profiles))
		for i, p := range profiles {
			var err error
			if accounts[i], created[i], err = s.registration(ctx, p); err != nil {
				return nil, err
			}
		}
		outcomes, err := s.db.CreateAll(ctx, accounts, created, once)
		if !errors.Is(err, domain.ErrIDTaken) || attempt == idAttempts {
			return outcomes, err
		}
	}
}
