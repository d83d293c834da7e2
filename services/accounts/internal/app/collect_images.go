package app

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/objects"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// CollectImages deletes the discarded objects of an account: its replaced
// images and, if it was deleted, its last image. Idempotent.
func (s *Service) CollectImages(ctx context.Context, accountID int64) error {
	if err := objects.Collect(ctx, s.db, s.images, accountID, domain.ScaledObjects); err != nil {
		return fmt.Errorf("collect images: %w", err)
	}
	return nil
}

// Referenced reports for each of the named objects whether an account refers to
// it, or to the object from which it is scaled. It leaves out names that this
// service does not give to objects.
func (s *Service) Referenced(ctx context.Context, names []string) (map[string]bool, error) {
	return objects.Referenced(names, ownerOf, func(ids []int64) iter.Seq2[[]domain.Account, error] {
		return s.All(ctx, Query{IDs: ids, Options: list.Options{Limit: len(ids)}})
	}, func(a domain.Account, object string) bool {
		return a.Image != nil && (a.Image.Object == object || slices.Contains(domain.ScaledObjects(a.Image.Object), object))
	})
}

// ownerOf returns the account whose image, or scaled image, an object of that
// name is.
func ownerOf(object string) (accountID int64, ok bool) {
	owner, name, _ := strings.Cut(object, "/")
	accountID, err := strconv.ParseInt(owner, 10, 64)
	return accountID, err == nil && (strings.HasSuffix(name, ".jpeg") || strings.HasSuffix(name, ".png"))
}
