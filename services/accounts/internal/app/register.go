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

// Ids are random, so this number of taken ids in a row means a broken random
// source.
const idAttempts = 5

// Register creates an account, once. Idempotent if once has a key. Errors:
// domain.ErrEmailTaken, idempotency.ErrReused, caller.ErrForbidden.
func (s *Service) Register(ctx context.Context, p domain.Profile, once idempotency.Request) (domain.Account, error) {
	for attempt := 1; ; attempt++ {
		a, created, err := s.registration(ctx, p)
		if err != nil {
			return domain.Account{}, err
		}
		a, err = s.db.Create(ctx, a, created, once)
		if errors.Is(err, domain.ErrIDTaken) && attempt < idAttempts {
			continue
		}
		if err != nil {
			return domain.Account{}, fmt.Errorf("register account: %w", err)
		}
		return a, nil
	}
}

// registration returns a new account of the caller and its event.
func (s *Service) registration(ctx context.Context, p domain.Profile) (domain.Account, events.Event, error) {
	who := caller.From(ctx)
	if _, err := who.Write(caller.Accounts); err != nil {
		return domain.Account{}, events.Event{}, err
	}
	a := domain.New(s.newID(), p, s.now())
	a.Owner = who.ID
	created, err := s.Event(ctx, s.Created, a, []string{"name", "email", "address"})
	return a, created, err
}
