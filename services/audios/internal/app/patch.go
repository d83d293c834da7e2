package app

import (
	"context"
	"fmt"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Patch changes what p tells of an audio. If that is nothing new, nothing
// changes, not even the version. What becomes of its file is told at
// domain.Audio.WithPatch; no object is stored. Errors: domain.ErrNotFound,
// domain.ErrAccountDeleted, check's own, those of p.Check.
func (s *Service) Patch(ctx context.Context, sessionID int64, p domain.Patch, check Check) (domain.Audio, error) {
	target := domain.Session{SessionID: sessionID}
	if p.AccountID != nil {
		target.AccountID = *p.AccountID
	}
	a, err := s.store.Update(ctx, target, func(current domain.Audio) (domain.Audio, events.Event, error) {
		if err := check.judge(current); err != nil {
			return domain.Audio{}, events.Event{}, err
		}
		next, fields, err := current.WithPatch(p, s.now())
		if err != nil || fields == nil {
			return current, events.Event{}, err
		}
		updated, err := change(ctx, events.AudioUpdatedV1, next, fields)
		return next, updated, err
	})
	if err != nil {
		return domain.Audio{}, fmt.Errorf("patch audio: %w", err)
	}
	return a, nil
}
