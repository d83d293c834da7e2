package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// groupSize bounds how many accounts of a batch one transaction adds, so that it
// takes about as long as that of one, and keeps nobody waiting.
const groupSize = 100

// Registered is what became of one profile of many.
type Registered struct {
	Account domain.Account // if it was registered
	Refused error          // else why not: domain.ErrEmailTaken
}

// RegisterAll creates, once, an account of each profile for which that can be
// done, as Register would, one after the other, and returns what became of each.
// It does so in groups of groupSize, one transaction each. If one fails, what the
// groups before it created stays, and a request with the same key goes on after
// them. Errors: idempotency-key-reused.
func (s *Service) RegisterAll(ctx context.Context, profiles []domain.Profile, once Once) ([]Registered, error) {
	registered := make([]Registered, 0, len(profiles))
	for group := range slices.Chunk(profiles, groupSize) {
		outcomes, err := s.registerGroup(ctx, group, once.from(len(registered)))
		if err != nil {
			return nil, fmt.Errorf("register accounts: %w", err)
		}
		for i, o := range outcomes {
			var r Registered
			if o.Refused != nil {
				r.Refused = o.Refused
			} else {
				r.Account = domain.New(o.ID, group[i], o.CreatedAt)
			}
			registered = append(registered, r)
		}
	}
	return registered, nil
}

func (s *Service) registerGroup(ctx context.Context, profiles []domain.Profile, once Once) ([]Outcome, error) {
	for attempt := 1; ; attempt++ {
		accounts, created := make([]domain.Account, len(profiles)), make([]events.Event, len(profiles))
		for i, p := range profiles {
			var err error
			if accounts[i], created[i], err = s.registration(ctx, p); err != nil {
				return nil, err
			}
		}
		outcomes, err := s.store.CreateAll(ctx, accounts, created, once)
		if !errors.Is(err, domain.ErrIDTaken) || attempt == idAttempts {
			return outcomes, err
		}
	}
}
