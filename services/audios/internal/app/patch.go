package app

import (
	"context"
	"fmt"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Patch changes the fields of an audio that are set in p. If none differs,
// nothing changes, not even the version. domain.Audio.WithPatch describes the
// effect on the file; no object is stored. Idempotent. Errors:
// domain.ErrNotFound, domain.ErrAccountDeleted, domain.ErrAccountUnknown,
// caller.ErrForbidden, the error of check, the errors of p.Check.
func (s *Service) Patch(ctx context.Context, sessionID int64, p domain.Patch, check Check) (domain.Audio, error) {
	reach, err := caller.From(ctx).Write(caller.Audios)
	if err != nil {
		return domain.Audio{}, err
	}
	check = check.within(reach)
	target := domain.Session{SessionID: sessionID}
	if p.AccountID != nil {
		target.AccountID = *p.AccountID
	}
	a, err := s.store.Update(ctx, target, reach, func(current domain.Audio) (domain.Audio, events.Event, error) {
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
