package sqlitestore

import (
	"context"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Delete implements app.Store.
func (s *Store) Delete(ctx context.Context, sessionID int64, decide func(domain.Audio) (events.Event, error)) error {
	return translate(s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		current, err := scan(tx.QueryRow(selectOne, sessionID))
		if err != nil {
			return err
		}
		return s.remove(tx, current, decide)
	}))
}

// remove deletes current unless decide refuses.
func (s *Store) remove(tx *sqlitedb.Tx, current domain.Audio, decide func(domain.Audio) (events.Event, error)) error {
	deleted, err := decide(current)
	if err != nil {
		return err
	}
	if err := s.discard(tx, current); err != nil {
		return err
	}
	if err := forget(tx, current); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM audios WHERE session_id = ?`, current.SessionID); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO deleted_audios (session_id, version) VALUES (?, ?)`, current.SessionID, deleted.Version); err != nil {
		return err
	}
	if err := s.log.Redact(tx, deleted.Subject); err != nil {
		return err
	}
	if err := s.keys.Erase(tx, deleted.Subject); err != nil {
		return err
	}
	return s.log.Append(tx, deleted)
}

// discard records the object of a deleted or replaced document, if it has one.
func (s *Store) discard(tx *sqlitedb.Tx, a domain.Audio) error {
	if a.File.Object == "" {
		return nil
	}
	return s.Add(tx, a.SessionID, a.File.Object)
}
