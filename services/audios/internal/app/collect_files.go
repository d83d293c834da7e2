package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/list"
)

// CollectFiles deletes the discarded objects of a session: its replaced files
// and, if it was deleted, its last file. Idempotent.
func (s *Service) CollectFiles(ctx context.Context, sessionID int64) error {
	objects, err := s.discards.Discarded(ctx, sessionID)
	if err != nil {
		return fmt.Errorf("collect files: %w", err)
	}
	if len(objects) == 0 {
		return nil
	}
	for _, object := range objects {
		if err := s.files.Delete(ctx, object); err != nil {
			return fmt.Errorf("collect files: %w", err)
		}
	}
	if err := s.discards.ForgetDiscarded(ctx, sessionID, objects); err != nil {
		return fmt.Errorf("collect files: %w", err)
	}
	return nil
}

// sweepGrace is much longer than any upload takes from its object to its
// transaction.
const sweepGrace = time.Hour

// SweepFiles deletes objects to which no audio refers, and returns their
// number. Such objects remain if an upload fails between storing the object and
// the transaction. Objects younger than sweepGrace are left alone, because
// their upload may be under way. Idempotent.
func (s *Service) SweepFiles(ctx context.Context) (removed int64, err error) {
	bySession := map[int64][]string{}
	sweep := func() error {
		n, err := s.sweepSessions(ctx, bySession)
		removed += n
		clear(bySession)
		return err
	}
	err = s.files.List(ctx, s.now().Add(-sweepGrace), func(object string) error {
		id, ok := ownerOf(object)
		if !ok { // not stored by this service, so left alone
			return nil
		}
		bySession[id] = append(bySession[id], object)
		if len(bySession) < 100 {
			return nil
		}
		return sweep()
	})
	if err == nil && len(bySession) > 0 {
		err = sweep()
	}
	if err != nil {
		return removed, fmt.Errorf("sweep files: %w", err)
	}
	return removed, nil
}

func (s *Service) sweepSessions(ctx context.Context, bySession map[int64][]string) (removed int64, err error) {
	ids := make([]int64, 0, len(bySession))
	for id := range bySession {
		ids = append(ids, id)
	}
	page, err := s.store.List(ctx, Query{SessionIDs: ids, Options: list.Options{Limit: len(ids)}})
	if err != nil {
		return 0, err
	}
	current := make(map[int64]string, len(page.Items))
	for _, a := range page.Items {
		current[a.SessionID] = a.File.Object
	}
	for id, objects := range bySession {
		for _, object := range objects {
			if current[id] == object {
				continue
			}
			if err := s.files.Delete(ctx, object); err != nil {
				return removed, err
			}
			removed++
		}
	}
	return removed, nil
}

func ownerOf(object string) (sessionID int64, ok bool) {
	owner, _, _ := strings.Cut(object, "/")
	sessionID, err := strconv.ParseInt(owner, 10, 64)
	return sessionID, err == nil
}
