package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// Ids are random; this many in a row that are taken mean a broken source.
const idAttempts = 5

// Register creates an account, once. Errors: domain.ErrEmailTaken,
// idempotency-key-reused.
func (s *Service) Register(ctx context.Context, p domain.Profile, once Once) (domain.Account, error) {
	for attempt := 1; ; attempt++ {
		a, created, err := s.registration(ctx, p)
		if err != nil {
			return domain.Account{}, err
		}
		a, err = s.store.Create(ctx, a, created, once)
		if errors.Is(err, domain.ErrIDTaken) && attempt < idAttempts {
			continue
		}
		if err != nil {
			return domain.Account{}, fmt.Errorf("register account: %w", err)
		}
		return a, nil
	}
}

// registration returns a new account and the event that tells of it.
func (s *Service) registration(ctx context.Context, p domain.Profile) (domain.Account, events.Event, error) {
	a := domain.New(s.newID(), p, s.now())
	created, err := change(ctx, events.AccountCreatedV1, a, []string{"name", "email", "address"})
	return a, created, err
}

// Registered is what became of one profile of many.
type Registered struct {
	Account domain.Account // if it was registered
	Refused error          // else why not: domain.ErrEmailTaken
}

// RegisterAll creates, once, an account of each profile for which that can be
// done, in one transaction, and returns what became of each; see Store. Errors:
// idempotency-key-reused.
func (s *Service) RegisterAll(ctx context.Context, profiles []domain.Profile, once Once) ([]Registered, error) {
	outcomes, err := s.createAll(ctx, profiles, once)
	for attempt := 1; errors.Is(err, domain.ErrIDTaken) && attempt < idAttempts; attempt++ {
		outcomes, err = s.createAll(ctx, profiles, once)
	}
	if err != nil {
		return nil, fmt.Errorf("register accounts: %w", err)
	}
	registered := make([]Registered, len(outcomes))
	for i, o := range outcomes {
		if o.Refused != nil {
			registered[i].Refused = o.Refused
		} else {
			registered[i].Account = domain.New(o.ID, profiles[i], o.CreatedAt)
		}
	}
	return registered, nil
}

func (s *Service) createAll(ctx context.Context, profiles []domain.Profile, once Once) ([]Outcome, error) {
	accounts, created := make([]domain.Account, len(profiles)), make([]events.Event, len(profiles))
	for i, p := range profiles {
		var err error
		if accounts[i], created[i], err = s.registration(ctx, p); err != nil {
			return nil, err
		}
	}
	return s.store.CreateAll(ctx, accounts, created, once)
}
