package app

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// CollectImages deletes the discarded objects of an account: its replaced
// images and, if it was deleted, its last image. Idempotent.
func (s *Service) CollectImages(ctx context.Context, accountID int64) error {
	objects, err := s.db.Discarded(ctx, accountID)
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
	if err := s.db.ForgetDiscarded(ctx, accountID, objects); err != nil {
		return fmt.Errorf("collect images: %w", err)
	}
	return nil
}

// Referenced reports for each of the named objects whether an account
// refers to it, or to the object from which it is scaled. It leaves out names
// that this service does not give to objects.
func (s *Service) Referenced(ctx context.Context, objects []string) (map[string]bool, error) {
	owners := make(map[string]int64, len(objects))
	var ids []int64
	for _, object := range objects {
		id, ok := ownerOf(object)
		if !ok {
			continue
		}
		owners[object] = id
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, nil //nolint:nilnil // an empty map
	}
	q := Query{IDs: ids, Options: list.Options{Limit: len(ids)}}
	page, err := s.db.List(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("look up the accounts of images: %w", err)
	}
	current := make(map[int64]*domain.Image, len(ids))
	// A page may end early, and an object that seems to have no owner is deleted.
	for items, err := range s.From(ctx, q, page) {
		if err != nil {
			return nil, fmt.Errorf("look up the accounts of images: %w", err)
		}
		for _, a := range items {
			current[a.ID] = a.Image
		}
	}
	referenced := make(map[string]bool, len(owners))
	for object, id := range owners {
		img := current[id]
		referenced[object] = img != nil && (img.Object == object || slices.Contains(domain.ScaledObjects(img.Object), object))
	}
	return referenced, nil
}

// ownerOf returns the account whose image, or scaled image, an object of that
// name is.
func ownerOf(object string) (accountID int64, ok bool) {
	owner, name, _ := strings.Cut(object, "/")
	accountID, err := strconv.ParseInt(owner, 10, 64)
	return accountID, err == nil && (strings.HasSuffix(name, ".jpeg") || strings.HasSuffix(name, ".png"))
}
