package app

import (
	"context"
	"fmt"

	"github.com/concha-labs/backend/pkg/objects"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Replace replaces a session and its document. If both are the same as before,
// nothing changes, not even the version. If keepAccount is true, the audio
// keeps its account, whatever session contains. The replaced object is deleted
// when the event is handled. Idempotent. Errors: domain.ErrNotFound,
// domain.ErrAccountDeleted, domain.ErrAccountUnknown, caller.ErrForbidden, the
// error of cond.
func (s *Service) Replace(ctx context.Context, session domain.Session, document []byte, keepAccount bool, cond Condition) (domain.Audio, error) {
	current, err := s.Writable(ctx, session.SessionID) // check before uploading
	if err == nil {
		err = cond.Judge(current)
	}
	if err != nil {
		return domain.Audio{}, fmt.Errorf("replace audio: %w", err)
	}
	file, err := s.putFile(ctx, session.SessionID, document)
	if err != nil {
		return domain.Audio{}, fmt.Errorf("replace audio: %w", err)
	}
	a, err := s.update(ctx, session.SessionID, session.AccountID, cond, func(current domain.Audio) (domain.Audio, []string, error) {
		replacement := session
		if keepAccount {
			replacement.AccountID = current.AccountID
		}
		next, fields := current.WithSession(replacement, file, s.now())
		return next, fields, nil
	})
	if err != nil {
		s.dropFile(ctx, file, err)
		return domain.Audio{}, fmt.Errorf("replace audio: %w", err)
	}
	if a.File.Object != file.Object { // the audio has the same document already
		s.dropFile(ctx, file, nil)
		if a.File.Object != "" { // otherwise it is in the database, and cannot be lost alone
			objects.Mend(ctx, s.files, a.File.Object, "application/json", document)
		}
	}
	return a, nil
}

// update applies a change of the domain to an audio that the caller may change,
// if cond allows it, and logs the event. accountID is the account that the
// change sets, or nil.
func (s *Service) update(ctx context.Context, sessionID int64, accountID *int64, cond Condition, apply func(domain.Audio) (next domain.Audio, fields []string, err error)) (domain.Audio, error) {
	reach, cond, err := s.Changing(ctx, cond)
	if err != nil {
		return domain.Audio{}, err
	}
	return awaitAccount(ctx, func() (domain.Audio, error) {
		return s.db.Update(ctx, sessionID, AccountOf{accountID, reach}, s.Change(ctx, cond, apply))
	})
}
