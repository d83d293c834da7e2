package app

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Remove deletes an audio and redacts its events. The file is deleted when the
// event is handled. Not idempotent. Errors: domain.ErrNotFound,
// caller.ErrForbidden, the error of cond.
func (s *Service) Remove(ctx context.Context, sessionID int64, cond Condition) error {
	reach, err := caller.From(ctx).Write(caller.Audios)
	if err != nil {
		return err
	}
	if err := s.db.Delete(ctx, sessionID, removal(ctx, cond.within(reach))); err != nil {
		return fmt.Errorf("remove audio: %w", err)
	}
	return nil
}

// removeBatch is the maximum number of audios that one transaction deletes.
const removeBatch = 100

// RemoveAccount deletes the audios of a deleted account, each with its own
// event, and refuses new ones from then on. Idempotent.
func (s *Service) RemoveAccount(ctx context.Context, accountID int64) error {
	_, err := s.removeAccount(ctx, accountID)
	return err
}

// removeAccount is RemoveAccount. It returns the number of deleted audios.
func (s *Service) removeAccount(ctx context.Context, accountID int64) (all int64, err error) {
	for {
		removed, err := s.db.RemoveAccount(ctx, accountID, removeBatch, removal(ctx, nil))
		if err != nil {
			return all, fmt.Errorf("remove audios of account %d: %w", accountID, err)
		}
		if removed == 0 {
			return all, nil
		}
		all += int64(removed)
	}
}

// AddAccount records the owner of a new account. Sessions of callers that may
// use only their own resources may name it from then on. Idempotent.
func (s *Service) AddAccount(ctx context.Context, accountID int64, owner string) error {
	if _, err := s.db.AddAccounts(ctx, map[int64]string{accountID: owner}); err != nil {
		return fmt.Errorf("add account %d: %w", accountID, err)
	}
	return nil
}

// removal returns a function that decides on a deletion and returns its event.
func removal(ctx context.Context, cond Condition) func(domain.Audio) (events.Event, error) {
	return func(current domain.Audio) (events.Event, error) {
		if err := cond.judge(current); err != nil {
			return events.Event{}, err
		}
		data, err := json.Marshal(events.AudioKey{SessionID: current.SessionID})
		return events.Event{
			Type: events.AudioDeletedV1, Subject: Subject(current.SessionID), Version: current.Version + 1,
			Data: data, Traceparent: events.OriginFrom(ctx).Traceparent,
		}, err
	}
}
