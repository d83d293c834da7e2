package sqlitestore

import (
	"context"

	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

const selectWithDocument = `SELECT ` + columns + `, (SELECT content FROM documents d WHERE d.session_id = audios.session_id)
	FROM audios WHERE session_id = ?`

// WithDocument implements app.Documents.
func (s *Store) WithDocument(ctx context.Context, sessionID int64) (domain.Audio, error) {
	var content []byte
	a, err := scanWith(s.db.QueryRow(ctx, selectWithDocument, sessionID), &content)
	if a.File.Kept {
		a.File.Content = string(content)
	}
	return a, translate(err)
}

// keep writes the content of a's file, if it has any, and takes it out of a.
func keep(tx *sqlitedb.Tx, a *domain.Audio) error {
	if a.File.Content == "" {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO documents (session_id, content) VALUES (?, ?)
		ON CONFLICT (session_id) DO UPDATE SET content = excluded.content`, a.SessionID, []byte(a.File.Content))
	a.File.Content = ""
	return err
}

// forget deletes the document of a, if it is kept.
func forget(tx *sqlitedb.Tx, a domain.Audio) error {
	if !a.File.Kept {
		return nil
	}
	_, err := tx.Exec(`DELETE FROM documents WHERE session_id = ?`, a.SessionID)
	return err
}
