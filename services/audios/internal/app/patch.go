package app

import (
	"context"
	"fmt"

	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Patch changes the fields of an audio that are set in p. If none differs,
// nothing changes, not even the version. domain.Audio.WithPatch describes the
// effect on the file; no object is stored. Idempotent. Errors:
// domain.ErrNotFound, domain.ErrAccountDeleted, domain.ErrAccountUnknown,
// caller.ErrForbidden, the error of cond, the errors of p.Validate.
func (s *Service) Patch(ctx context.Context, sessionID int64, p domain.Patch, cond Condition) (domain.Audio, error) {
	var accountID *int64
	if p.AccountID != nil {
		accountID = *p.AccountID
	}
	a, err := s.update(ctx, sessionID, accountID, cond, func(current domain.Audio) (domain.Audio, []string, error) {
		return current.WithPatch(p, s.now())
	})
	if err != nil {
		return domain.Audio{}, fmt.Errorf("patch audio: %w", err)
	}
	return a, nil
}
