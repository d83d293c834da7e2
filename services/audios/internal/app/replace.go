package app

import (
	"bytes"
	"context"
	"fmt"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Replace replaces a session and its document. If both are the same as before,
// nothing changes, not even the version. If keepAccount is true, the audio
// keeps its account, whatever session contains. The replaced object is deleted
// when the event is handled. Idempotent. Errors: domain.ErrNotFound,
// domain.ErrAccountDeleted, domain.ErrAccountUnknown, caller.ErrForbidden, the
// error of check.
func (s *Service) Replace(ctx context.Context, session domain.Session, document []byte, keepAccount bool, check Check) (domain.Audio, error) {
	current, err := s.Writable(ctx, session.SessionID) // check before uploading
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
	a, err := s.update(ctx, session, check, func(current domain.Audio) (domain.Audio, []string, error) {
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
		s.mendFile(ctx, a.File, document)
	}
	return a, nil
}

// mendFile stores a document again if its object was lost. It fails without a
// consequence for the request, which changes nothing.
func (s *Service) mendFile(ctx context.Context, file domain.File, document []byte) {
	if file.Object == "" { // it is in the database, and cannot be lost alone
		return
	}
	switch object, err := s.files.Open(ctx, file.Object); {
	case err == nil:
		_ = object.Close()
	case fault.KindOf(err) == fault.NotFound:
		_ = s.files.Put(ctx, file.Object, "application/json", bytes.NewReader(document))
	}
}

// update applies a change of the domain to the audio of target.SessionID, if the
// caller may change it and check allows it, and logs the event. The account of
// target is the one that the change sets, if it sets one.
func (s *Service) update(ctx context.Context, target domain.Session, check Check, apply func(domain.Audio) (next domain.Audio, fields []string, err error)) (domain.Audio, error) {
	reach, err := caller.From(ctx).Write(caller.Audios)
	if err != nil {
		return domain.Audio{}, err
	}
	check = check.within(reach)
	return awaitAccount(ctx, func() (domain.Audio, error) {
		return s.store.Update(ctx, target, reach, func(current domain.Audio) (domain.Audio, events.Event, error) {
			if err := check.judge(current); err != nil {
				return domain.Audio{}, events.Event{}, err
			}
			next, fields, err := apply(current)
			if err != nil || fields == nil {
				return current, events.Event{}, err
			}
			updated, err := change(ctx, events.AudioUpdatedV1, next, fields)
			return next, updated, err
		})
	})
}
