package spannerstore

import (
	"context"
	"strings"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// WithDocument implements app.Documents.
func (s *Store) WithDocument(ctx context.Context, sessionID int64) (a domain.Audio, err error) {
	query := spanner.Statement{
		SQL: "SELECT " + strings.Join(columns, ", ") + ", (SELECT Content FROM Documents d WHERE d.SessionId = a.SessionId)" +
			" FROM Audios a WHERE SessionId = @session",
		Params: map[string]any{"session": sessionID},
	}
	err = s.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		err := spanner.ErrRowNotFound
		if failed := tx.Query(ctx, query).Do(func(r *spanner.Row) error {
			var content []byte
			a, err = scan(r, &content)
			if a.File.Kept {
				a.File.Content = string(content)
			}
			return err
		}); failed != nil {
			return failed
		}
		return err
	})
	return a, translate(err)
}

// keep returns the mutation that writes the content of a's file, if it has any,
// and takes it out of a.
func keep(a *domain.Audio) []*spanner.Mutation {
	if a.File.Content == "" {
		return nil
	}
	content := []byte(a.File.Content)
	a.File.Content = ""
	return []*spanner.Mutation{spanner.InsertOrUpdate("Documents", []string{"SessionId", "Content"}, []any{a.SessionID, content})}
}
