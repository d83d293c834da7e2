package spannerstore

import (
	"context"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/idempotency/spannerkeys"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
	"github.com/concha-labs/backend/services/accounts/internal/record"
)

// CreateAll implements app.Store. An account takes about 25 mutations including
// its event and all index rows, of at most 80,000 in a transaction.
func (s *Store) CreateAll(ctx context.Context, accounts []domain.Account, created []events.Event, request idempotency.Request) (outcomes []app.Outcome, err error) {
	err = s.db.ReadWrite(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		taken, rows, err := s.taken(ctx, tx, accounts, request)
		if err != nil {
			return err
		}
		if found, err := idempotency.Into(&outcomes, record.Outcomes)(spannerkeys.Decode(rows, request)); err != nil || found {
			return err
		}
		outcomes = make([]app.Outcome, len(accounts))
		for i, a := range accounts {
			if taken[string(a.Email)] {
				outcomes[i].Refused = domain.ErrEmailTaken
				continue
			}
			if err := s.insert(tx, a, created[i]); err != nil {
				return err
			}
			taken[string(a.Email)] = true
			outcomes[i].Result = app.Added{ID: a.ID, CreatedAt: a.CreatedAt}
		}
		return s.keys.Record(tx, request, record.OfOutcomes(outcomes)...)
	})
	return outcomes, translate(err)
}

// taken reads in one call which e-mails of accounts are taken, and the record
// of the request, if there is one. It locks the rows that it finds and the
// places of those that it does not find.
func (s *Store) taken(ctx context.Context, tx *spannerdb.Tx, accounts []domain.Account, request idempotency.Request) (taken map[string]bool, rows spannerkeys.Rows, err error) {
	emails := make([]string, len(accounts))
	for i, a := range accounts {
		emails[i] = string(a.Email)
	}
	query := spanner.Statement{
		SQL:    `SELECT ARRAY(SELECT Email FROM Accounts@{FORCE_INDEX=AccountsByEmail} WHERE Email IN UNNEST(@emails)), `,
		Params: map[string]any{"emails": emails},
	}
	s.keys.Select(&query, request)
	var found []string
	if err := tx.Query(ctx, query).Do(func(r *spanner.Row) error { return r.Columns(&found, &rows) }); err != nil {
		return nil, nil, err
	}
	taken = map[string]bool{}
	for _, email := range found {
		taken[email] = true
	}
	return taken, rows, nil
}
