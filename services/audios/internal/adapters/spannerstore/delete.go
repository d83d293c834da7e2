package spannerstore

import (
	"context"
	"strings"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// A commit takes 80,000 mutations. To redact an event is five; a session has no
// more events than its version says.
const maxRedacted = 10_000

// Delete implements app.Store.
func (s *Store) Delete(ctx context.Context, sessionID int64, decide func(domain.Audio) (events.Event, error)) error {
	return s.write(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		row, err := tx.ReadRow(ctx, "Audios", spanner.Key{sessionID}, columns)
		if err != nil {
			return err
		}
		current, err := scan(row)
		if err != nil {
			return err
		}
		return s.remove(ctx, tx, []domain.Audio{current}, decide)
	})
}

// RemoveAccount implements app.Store.
func (s *Store) RemoveAccount(ctx context.Context, accountID int64, limit int, decide func(domain.Audio) (events.Event, error)) (removed int, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		audios, err := scanAll(tx.Query(ctx, spanner.Statement{
			SQL: "SELECT " + strings.Join(columns, ", ") + " FROM Audios@{FORCE_INDEX=AudiosByAccount}" +
				" WHERE AccountId = @account ORDER BY SessionId LIMIT @limit",
			Params: map[string]any{"account": accountID, "limit": int64(limit)},
		}))
		if err != nil {
			return err
		}
		if err := tx.BufferWrite([]*spanner.Mutation{
			spanner.InsertOrUpdate("DeletedAccounts", []string{"AccountId"}, []any{accountID}),
		}); err != nil {
			return err
		}
		audios = fitting(audios)
		removed = len(audios)
		return s.remove(ctx, tx, audios, decide)
	})
	return removed, err
}

// fitting returns as many of audios as one transaction can delete, and one at
// least.
func fitting(audios []domain.Audio) []domain.Audio {
	var redacted int64
	for i, a := range audios {
		if redacted += a.Version; redacted > maxRedacted && i > 0 {
			return audios[:i]
		}
	}
	return audios
}

// remove deletes audios unless decide refuses one.
func (s *Store) remove(ctx context.Context, tx *spannerdb.Tx, audios []domain.Audio, decide func(domain.Audio) (events.Event, error)) error {
	var subjects []string
	for _, current := range audios {
		deleted, err := decide(current)
		if err != nil {
			return err
		}
		if err := tx.BufferWrite(append(discard(current),
			spanner.Delete("Audios", spanner.Key{current.SessionID}),
			spanner.InsertOrUpdate("DeletedAudios", []string{"SessionId", "Version"}, []any{current.SessionID, deleted.Version}),
		)); err != nil {
			return err
		}
		if err := s.log.Append(tx, deleted); err != nil {
			return err
		}
		subjects = append(subjects, deleted.Subject)
	}
	if len(subjects) == 0 {
		return nil
	}
	return s.log.Redact(ctx, tx, subjects...)
}

// discard records the object of an audio that will not refer to it any more, if
// it has one.
func discard(a domain.Audio) []*spanner.Mutation {
	if a.File.Object == "" {
		return nil
	}
	return []*spanner.Mutation{spanner.InsertOrUpdate("DiscardedFiles",
		[]string{"SessionId", "Object"}, []any{a.SessionID, a.File.Object})}
}

// Discarded implements app.Discards.
func (s *Store) Discarded(ctx context.Context, sessionID int64) (objects []string, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		objects = nil
		return tx.Read(ctx, "DiscardedFiles", spanner.Key{sessionID}.AsPrefix(), []string{"Object"}).Do(func(r *spanner.Row) error {
			var object string
			err := r.Columns(&object)
			objects = append(objects, object)
			return err
		})
	})
	return objects, translate(err)
}

// ForgetDiscarded implements app.Discards.
func (s *Store) ForgetDiscarded(ctx context.Context, sessionID int64, objects []string) error {
	return s.write(ctx, func(_ context.Context, tx *spannerdb.Tx) error {
		var keys []spanner.Key
		for _, object := range objects {
			keys = append(keys, spanner.Key{sessionID, object})
		}
		return tx.BufferWrite([]*spanner.Mutation{spanner.Delete("DiscardedFiles", spanner.KeySetFromKeys(keys...))})
	})
}
