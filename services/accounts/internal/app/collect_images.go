package app

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// CollectImages deletes the discarded objects of an account: its replaced
// images and, if it was deleted, its last image. Idempotent.
func (s *Service) CollectImages(ctx context.Context, accountID int64) error {
	objects, err := s.discards.Discarded(ctx, accountID)
	if err != nil {
		return fmt.Errorf("collect images: %w", err)
	}
	if len(objects) == 0 {
		return nil
	}
	for _, object := range objects {
		for _, name := range append(domain.ScaledObjects(object), object) {
			if err := s.images.Delete(ctx, name); err != nil {
				return fmt.Errorf("collect images: %w", err)
			}
		}
	}
	if err := s.discards.ForgetDiscarded(ctx, accountID, objects); err != nil {
		return fmt.Errorf("collect images: %w", err)
	}
	return nil
}

// sweepGrace is much longer than any upload takes from its object to its
// transaction.
const sweepGrace = time.Hour

// SweepImages deletes objects to which no account refers, and returns their
// number. Such objects remain if an upload fails between storing the object and
// the transaction. Objects younger than sweepGrace are left alone, because
// their upload may be under way. Idempotent.
func (s *Service) SweepImages(ctx context.Context) (removed int64, err error) {
	byAccount := map[int64][]string{}
	sweep := func() error {
		n, err := s.sweepAccounts(ctx, byAccount)
		removed += n
		clear(byAccount)
		return err
	}
	err = s.images.List(ctx, s.now().Add(-sweepGrace), func(object string) error {
		id, ok := ownerOf(object)
		if !ok { // not stored by this service, so left alone
			return nil
		}
		byAccount[id] = append(byAccount[id], object)
		if len(byAccount) < 100 {
			return nil
		}
		return sweep()
	})
	if err == nil && len(byAccount) > 0 {
		err = sweep()
	}
	if err != nil {
		return removed, fmt.Errorf("sweep images: %w", err)
	}
	return removed, nil
}

func (s *Service) sweepAccounts(ctx context.Context, byAccount map[int64][]string) (removed int64, err error) {
	ids := make([]int64, 0, len(byAccount))
	for id := range byAccount {
		ids = append(ids, id)
	}
	page, err := s.store.List(ctx, Query{IDs: ids, Options: list.Options{Limit: len(ids)}})
	if err != nil {
		return 0, err
	}
	current := make(map[int64]*domain.Image, len(page.Items))
	for _, a := range page.Items {
		current[a.ID] = a.Image
	}
	for id, objects := range byAccount {
		for _, object := range objects {
			if img := current[id]; img != nil && (img.Object == object || slices.Contains(domain.ScaledObjects(img.Object), object)) {
				continue
			}
			if err := s.images.Delete(ctx, object); err != nil {
				return removed, err
			}
			removed++
		}
	}
	return removed, nil
}

func ownerOf(object string) (accountID int64, ok bool) {
	owner, _, _ := strings.Cut(object, "/")
	accountID, err := strconv.ParseInt(owner, 10, 64)
	return accountID, err == nil
}
