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
// unless decide refuses one. If an audio has more events than one transaction
// may redact, earlier transactions redact the oldest ones. Each of them calls
// decide first. If a concurrent write makes decide refuse later, the redacted
// events stay redacted.
func (s *Store) remove(ctx context.Context, decide func(domain.Audio) (events.Event, error), find func(context.Context, *spannerdb.Tx) ([]domain.Audio, error)) (removed int, err error) {
	var begun spannerlog.History // of the first audio, if part of it was redacted
	for {
		left, done := begun, false
		err := s.write(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
			audios, err := find(ctx, tx)
			if err != nil {
				return err
			}
			audios, histories := s.fitting(audios, begun)
			var deleted []events.Event
			for _, a := range audios {
				event, err := decide(a)
				if err != nil {
					return err
				}
				deleted = append(deleted, event)
			}
			if done = len(audios) == 0; done {
				removed = 0
				return nil
			}
			if last := audios[0].Version; last-histories[0].After > s.maxRedacted {
				left, err = s.log.RedactSome(ctx, tx, histories[0], last, s.maxRedacted)
				return err
			}
			removed, done = len(audios), true
			if err := s.delete(tx, audios, deleted); err != nil {
				return err
			}
			return s.log.Redact(ctx, tx, histories...)
		})
		if err != nil || done {
			return removed, err
		}
		begun = left
	}
}

// fitting returns as many of audios as one transaction can delete, at least
// one, and the histories that are still to be redacted. A session has at most
// as many events as its version.
func (s *Store) fitting(audios []domain.Audio, begun spannerlog.History) (fit []domain.Audio, histories []spannerlog.History) {
	var events int64
	for i, a := range audios {
		h := spannerlog.History{Subject: app.Subject(a.SessionID)}
		if h.Subject == begun.Subject {
			h = begun
		}
		if events += a.Version - h.After; events > s.maxRedacted && i > 0 {
			return audios[:i], histories
		}
		histories = append(histories, h)
	}
	return audios, histories
}

// delete deletes audios and logs their events.
func (s *Store) delete(tx *spannerdb.Tx, audios []domain.Audio, deleted []events.Event) error {
	for i, a := range audios {
		if err := tx.BufferWrite(append(s.discard(a),
			spanner.Delete("Audios", spanner.Key{a.SessionID}),
			spanner.InsertOrUpdate("DeletedAudios", []string{"SessionId", "Version"}, []any{a.SessionID, deleted[i].Version}),
		)); err != nil {
			return err
		}
		if err := s.keys.Erase(tx, app.Subject(a.SessionID)); err != nil {
			return err
		}
		if err := s.log.Append(tx, deleted[i]); err != nil {
			return err
		}
	}
	return nil
}

// discard records the object of a deleted or replaced document, if it has one.
func (s *Store) discard(a domain.Audio) []*spanner.Mutation {
	if a.File.Object == "" {
		return nil
	}
	return []*spanner.Mutation{s.Add(a.SessionID, a.File.Object)}
}
