package app

import (
	"context"
	"fmt"
)

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
		removed, err := s.db.RemoveAccount(ctx, accountID, removeBatch, s.Deletion(ctx, nil))
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
