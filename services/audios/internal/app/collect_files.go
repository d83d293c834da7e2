package app

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/objects"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// CollectFiles deletes the discarded objects of a session: its replaced files
// and, if it was deleted, its last file. Idempotent.
func (s *Service) CollectFiles(ctx context.Context, sessionID int64) error {
	if err := objects.Collect(ctx, s.db, s.files, sessionID, nil); err != nil {
		return fmt.Errorf("collect files: %w", err)
	}
	return nil
}

// Referenced reports for each of the named objects whether an audio refers to it.
// It leaves out names that this service does not give to objects.
func (s *Service) Referenced(ctx context.Context, names []string) (map[string]bool, error) {
	return objects.Referenced(names, ownerOf, func(ids []int64) iter.Seq2[[]domain.Audio, error] {
		return s.All(ctx, Query{SessionIDs: ids, Options: list.Options{Limit: len(ids)}})
	}, func(a domain.Audio, object string) bool { return a.File.Object == object })
}

// ownerOf returns the session whose document an object of that name is. Earlier
// releases put the session before the random part of the name.
func ownerOf(object string) (sessionID int64, ok bool) {
	first, last, _ := strings.Cut(object, "/")
	last, ok = strings.CutSuffix(last, ".json")
	for _, owner := range []string{first, last} {
		if sessionID, err := strconv.ParseInt(owner, 10, 64); err == nil {
			return sessionID, ok
		}
	}
	return 0, false
}
