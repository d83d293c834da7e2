package app

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/concha-labs/backend/pkg/list"
)

// CollectFiles deletes the discarded objects of a session: its replaced files
// and, if it was deleted, its last file. Idempotent.
func (s *Service) CollectFiles(ctx context.Context, sessionID int64) error {
	objects, err := s.db.Discarded(ctx, sessionID)
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
	if err := s.db.ForgetDiscarded(ctx, sessionID, objects); err != nil {
		return fmt.Errorf("collect files: %w", err)
	}
	return nil
}

// Referenced reports for each of the named objects whether an audio refers
// to it. It leaves out names that this service does not give to objects.
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
	q := Query{SessionIDs: ids, Options: list.Options{Limit: len(ids)}}
	page, err := s.db.List(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("look up the audios of files: %w", err)
	}
	current := make(map[int64]string, len(ids))
	// A page may end early, and an object that seems to have no owner is deleted.
	for items, err := range s.From(ctx, q, page) {
		if err != nil {
			return nil, fmt.Errorf("look up the audios of files: %w", err)
		}
		for _, a := range items {
			current[a.SessionID] = a.File.Object
		}
	}
	referenced := make(map[string]bool, len(owners))
	for object, id := range owners {
		referenced[object] = current[id] == object
	}
	return referenced, nil
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
