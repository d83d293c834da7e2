package app

import (
	"context"
	"fmt"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Create adds a session with its document, once. A small document
// is written in the transaction of the audio. A larger one is stored under a
// fresh name before the audio refers to it, so a reference always points at an
// object. Create does not check beforehand whether the session exists: it
// hardly ever does, and the check would cost every creation a read. Idempotent
// if once has a key. Errors: domain.ErrSessionTaken, domain.ErrAccountDeleted,
// domain.ErrAccountUnknown, idempotency.ErrReused, caller.ErrForbidden.
func (s *Service) Create(ctx context.Context, session domain.Session, document []byte, once idempotency.Request) (domain.Audio, error) {
	reach, err := caller.From(ctx).Write(caller.Audios)
	if err != nil {
		return domain.Audio{}, err
	}
	file, err := s.putFile(ctx, session.SessionID, document)
	if err != nil {
		return domain.Audio{}, fmt.Errorf("create audio: %w", err)
	}
	a, err := awaitAccount(ctx, func() (domain.Audio, error) {
		return s.db.Create(ctx, session, reach, once, func(last int64) (domain.Audio, events.Event, error) {
			return s.creation(ctx, session, file, last)
		})
	})
	if err != nil {
		s.dropFile(ctx, file, err)
		return domain.Audio{}, fmt.Errorf("create audio: %w", err)
	}
	if a.File.Object != file.Object { // the request is a repetition
		s.dropFile(ctx, file, nil)
	}
	return a, nil
}

// creation returns the audio of a session at the version after last, and its
// event.
func (s *Service) creation(ctx context.Context, session domain.Session, file domain.File, last int64) (domain.Audio, events.Event, error) {
	fields := []string{"session_id", "ticks", "selected_tick", "step_count", "file_url"}
	if session.AccountID != nil {
		fields = []string{"session_id", "account_id", "ticks", "selected_tick", "step_count", "file_url"}
	}
	a := domain.New(session, file, last, s.now())
	a.Owner = caller.From(ctx).ID
	created, err := s.Event(ctx, s.Created, a, fields)
	return a, created, err
}
