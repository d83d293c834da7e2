package app

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// Remove deletes an account and redacts its events. The image is deleted when
// the event is handled. Not idempotent. Errors: domain.ErrNotFound,
// caller.ErrForbidden, the error of cond.
func (s *Service) Remove(ctx context.Context, id int64, cond Condition) error {
	reach, err := caller.From(ctx).Write(caller.Accounts)
	if err != nil {
		return err
	}
	cond = cond.within(reach)
	err = s.db.Delete(ctx, id, func(current domain.Account) (events.Event, error) {
		if err := cond.judge(current); err != nil {
			return events.Event{}, err
		}
		data, err := json.Marshal(events.AccountKey{ID: id})
		return events.Event{
			Type: events.AccountDeletedV1, Subject: Subject(id), Version: current.Version + 1,
			Data: data, Traceparent: events.OriginFrom(ctx).Traceparent,
		}, err
	})
	if err != nil {
		return fmt.Errorf("remove account: %w", err)
	}
	return nil
}
