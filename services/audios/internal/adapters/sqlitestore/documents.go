package sqlitestore

import (
	"context"

	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// selectWithDocument also reads the table documents, in which earlier releases
// stored documents.
const selectWithDocument = `SELECT ` + columns + `, IFNULL(
		(SELECT content FROM file_contents c WHERE c.id = audios.file_content_id),
		(SELECT content FROM documents d WHERE d.session_id = audios.session_id))
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

// nextContent is the id under which keep stores the next document.
const nextContent = `(SELECT IFNULL(MAX(id), 0) + 1 FROM file_contents)`

// keep stores the content of a's file, if it has any, under the id in the column
// file_content_id of a's row, and takes it out of a.
func keep(tx *sqlitedb.Tx, a *domain.Audio) error {
	if a.File.Content == "" {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO file_contents (id, content) SELECT file_content_id, ?2 FROM audios WHERE session_id = ?1`,
		a.SessionID, []byte(a.File.Content))
	a.File.Content = ""
	return err
}

// replace stores the content of the file of next, if it has any, in place of the
// document of current.
func replace(tx *sqlitedb.Tx, current domain.Audio, next *domain.Audio) error {
	if err := forget(tx, current); err != nil || next.File.Content == "" {
		return err
	}
	if _, err := tx.Exec(`UPDATE audios SET file_content_id = `+nextContent+` WHERE session_id = ?`, next.SessionID); err != nil {
		return err
	}
	return keep(tx, next)
}

// forget deletes the document of a that an earlier release may have stored.
// Triggers delete those in file_contents.
func forget(tx *sqlitedb.Tx, a domain.Audio) error {
	if !a.File.Kept {
		return nil
	}
	_, err := tx.Exec(`DELETE FROM documents WHERE session_id = ?`, a.SessionID)
	return err
}
