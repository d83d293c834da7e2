package spannerstore

import (
	"context"

	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
	"github.com/concha-labs/backend/services/accounts/internal/record"
)

// find reads the recorded result of a request for one account into result, and
// reports whether there is one.
func (s *Store) find(ctx context.Context, tx *spannerdb.Tx, request idempotency.Request, result *domain.Account) (found bool, err error) {
	recorded, err := s.keys.Find(ctx, tx, request)
	if err != nil {
		return false, err
	}
	*result, found, err = record.Account(recorded)
	return found, err
}
