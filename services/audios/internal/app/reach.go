package app

import (
	"context"
	"fmt"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// The caller in the context of a use case has a reach. An audio outside of it
// appears not to exist: get, Condition.within and Query.Owner apply that to single
// audios, to changes and to lists.

// get returns an audio within reach. Errors: domain.ErrNotFound.
func (s *Service) get(ctx context.Context, sessionID int64, reach caller.Reach) (domain.Audio, error) {
	a, err := s.db.Get(ctx, sessionID)
	if err == nil && !reach.Includes(a.Owner) {
		return domain.Audio{}, domain.ErrNotFound
	}
	return a, err
}

// within returns a Condition that judges the audios within reach, and refuses
// others with domain.ErrNotFound.
func (c Condition) within(reach caller.Reach) Condition {
	return func(current domain.Audio) error {
		if !reach.Includes(current.Owner) {
			return domain.ErrNotFound
		}
		return c.judge(current)
	}
}

// Get returns an audio. Idempotent. Errors: domain.ErrNotFound,
// caller.ErrForbidden.
func (s *Service) Get(ctx context.Context, sessionID int64) (domain.Audio, error) {
	reach, err := caller.From(ctx).Read(caller.Audios)
	if err != nil {
		return domain.Audio{}, err
	}
	a, err := s.get(ctx, sessionID, reach)
	if err != nil {
		return domain.Audio{}, fmt.Errorf("get audio: %w", err)
	}
	return a, nil
}

// Writable returns an audio that the caller may change. Idempotent. Errors:
// domain.ErrNotFound, caller.ErrForbidden.
func (s *Service) Writable(ctx context.Context, sessionID int64) (domain.Audio, error) {
	reach, err := caller.From(ctx).Write(caller.Audios)
	if err != nil {
		return domain.Audio{}, err
	}
	return s.get(ctx, sessionID, reach)
}

// Exists returns nil if there is an audio whose history the caller may read.
// Idempotent. Errors: domain.ErrNotFound, caller.ErrForbidden.
func (s *Service) Exists(ctx context.Context, sessionID int64) error {
	reach, err := caller.From(ctx).History(caller.Audios)
	if err != nil {
		return err
	}
	_, err = s.get(ctx, sessionID, reach)
	return err
}
