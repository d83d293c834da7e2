package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// groupSize bounds the accounts that one transaction adds, so that it takes
// about as long as one for a single account and does not hold up others.
const groupSize = 100

// Registered is the result of one profile of a batch. The only reason of a refusal
// is domain.ErrEmailTaken.
type Registered = idempotency.Outcome[domain.Account]

// RegisterAll registers each profile as Register does, one after the other, and
// returns the result of each. It uses one transaction for each group of
// groupSize profiles. If a group fails, the accounts of earlier groups stay,
// and a repetition with the same key continues after them. Idempotent if once
// has a key. Errors: idempotency.ErrReused, caller.ErrForbidden.
func (s *Service) RegisterAll(ctx context.Context, profiles []domain.Profile, once idempotency.Request) ([]Registered, error) {
	registered := make([]Registered, 0, len(profiles))
	for group := range slices.Chunk(profiles, groupSize) {
		outcomes, err := s.registerGroup(ctx, group, once.Part(len(registered)))
		if err != nil {
			return nil, fmt.Errorf("register accounts: %w", err)
		}
		for i, o := range outcomes {
			r := Registered{Refused: o.Refused}
			if o.Refused == nil {
				r.Result = domain.New(o.Result.ID, group[i], o.Result.CreatedAt)
				r.Result.Owner = caller.From(ctx).ID
			}
			registered = append(registered, r)
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
