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
	if err := discard(tx, current); err != nil {
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
func discard(tx *sqlitedb.Tx, a domain.Audio) error {
	if a.File.Object == "" {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO discarded_files (session_id, object) VALUES (?, ?)`, a.SessionID, a.File.Object)
	return err
}

// Discarded implements app.Discards.
func (s *Store) Discarded(ctx context.Context, sessionID int64) ([]string, error) {
	rows, err := s.db.Query(ctx, `SELECT object FROM discarded_files WHERE session_id = ?`, sessionID)
	if err != nil {
		return nil, translate(err)
	}
	defer func() { _ = rows.Close() }()
	var objects []string
	for rows.Next() {
		var object string
		if err := rows.Scan(&object); err != nil {
			return nil, translate(err)
		}
		objects = append(objects, object)
	}
	return objects, translate(rows.Err())
}

// ForgetDiscarded implements app.Discards.
func (s *Store) ForgetDiscarded(ctx context.Context, sessionID int64, objects []string) error {
	return translate(s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		for _, object := range objects {
			if _, err := tx.Exec(`DELETE FROM discarded_files WHERE session_id = ? AND object = ?`, sessionID, object); err != nil {
				return err
			}
		}
		return nil
	}))
}
