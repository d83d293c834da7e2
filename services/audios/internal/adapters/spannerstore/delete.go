package spannerstore

import (
	"context"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Delete implements app.Store.
func (s *Store) Delete(ctx context.Context, sessionID int64, decide func(domain.Audio) (events.Event, error)) error {
	_, err := s.remove(ctx, decide, func(ctx context.Context, tx *spannerdb.Tx) ([]domain.Audio, error) {
		row, err := tx.ReadRow(ctx, "Audios", spanner.Key{sessionID}, columns)
		if err != nil {
			return nil, err
		}
		current, err := scan(row)
		return []domain.Audio{current}, err
	})
	return err
}

// remove deletes audios that find returns, as many as fit into one transaction,
// unless decide refuses one; see spannerlog.Removal.
func (s *Store) remove(ctx context.Context, decide func(domain.Audio) (events.Event, error), find func(context.Context, *spannerdb.Tx) ([]domain.Audio, error)) (removed int, err error) {
	removed, err = spannerlog.Removal[domain.Audio]{
		DB: s.db, Log: s.log, Subject: app.Subject, MaxRedacted: s.maxRedacted, Decide: decide, Find: find,
		Delete: func(tx *spannerdb.Tx, a domain.Audio, deleted events.Event) error {
			if err := tx.BufferWrite(append(s.discard(a),
				spanner.Delete("Audios", spanner.Key{a.SessionID}),
				spanner.InsertOrUpdate("DeletedAudios", []string{"SessionId", "Version"}, []any{a.SessionID, deleted.Version}),
			)); err != nil {
				return err
			}
			return s.keys.Erase(tx, deleted.Subject)
		},
	}.Run(ctx)
	return removed, translate(err)
}

// discard records the object of a deleted or replaced document, if it has one.
func (s *Store) discard(a domain.Audio) []*spanner.Mutation {
	if a.File.Object == "" {
		return nil
	}
	return []*spanner.Mutation{s.Add(a.SessionID, a.File.Object)}
}
