package app

import (
	"context"
	"fmt"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Replace puts session and its document in place of what the audio of
// session.SessionID has. The same document again changes nothing, not even the
// version. If keepAccount, the audio stays with its account, whatever session
// says. What is replaced is collected when the event comes round.
// Errors: domain.ErrNotFound, domain.ErrAccountDeleted, check's own.
func (s *Service) Replace(ctx context.Context, session domain.Session, document []byte, keepAccount bool, check Check) (domain.Audio, error) {
	current, err := s.store.Get(ctx, session.SessionID) // before anything is uploaded
	if err == nil {
		err = check.judge(current)
	}
	if err != nil {
		return domain.Audio{}, fmt.Errorf("replace audio: %w", err)
	}
	file, err := s.putFile(ctx, session.SessionID, document)
	if err != nil {
		return domain.Audio{}, fmt.Errorf("replace audio: %w", err)
	}
	a, err := s.store.Update(ctx, session, func(current domain.Audio) (domain.Audio, events.Event, error) {
		if err := check.judge(current); err != nil {
			return domain.Audio{}, events.Event{}, err
		}
		replacement := session
		if keepAccount {
			replacement.AccountID = current.AccountID
		}
		next, fields := current.WithSession(replacement, file, s.now())
		if fields == nil {
			return current, events.Event{}, nil
		}
		updated, err := change(ctx, events.AudioUpdatedV1, next, fields)
		return next, updated, err
	})
	if err != nil {
		s.dropFile(ctx, file, err)
		return domain.Audio{}, fmt.Errorf("replace audio: %w", err)
	}
	if a.File.Object != file.Object { // the document was the same already
		s.dropFile(ctx, file, nil)
	}
	return a, nil
}
