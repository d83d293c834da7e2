package sqlitestore

import (
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// find reads the recorded result of a request for one account into result, and
// reports whether there is one.
func (s *Store) find(tx *sqlitedb.Tx, request idempotency.Request, result *domain.Account) (found bool, err error) {
	recorded, err := s.keys.Find(tx, request)
	if err != nil {
		return false, err
	}
	return recorded.One(result)
}

// part returns a result for recording.
func part(a domain.Account) idempotency.Part {
	return idempotency.Part{Subject: app.Subject(a.ID), Result: a}
}

// subject returns the subject of the account that an outcome tells of.
func subject(o app.Outcome) string {
	if o.Refused != nil {
		return ""
	}
	return app.Subject(o.ID)
}

// erased returns the outcome of an account that has been deleted since.
func erased() app.Outcome { return app.Outcome{Refused: idempotency.ErrErased} }
