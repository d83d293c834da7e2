package spannerstore

import (
	"context"
	"errors"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/idempotency/spannerkeys"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
	"github.com/concha-labs/backend/services/audios/internal/record"
)

// CreateAll implements app.Store. An audio takes up to 50 mutations including
// its event and all index rows, of at most 80,000 in a transaction.
func (s *Store) CreateAll(ctx context.Context, sessions []domain.Session, accounts caller.Reach, request idempotency.Request, decide func(int, int64) (domain.Audio, events.Event, error), refuse func(*fault.Error) error) (outcomes []app.Outcome, err error) {
	err = s.db.ReadWrite(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		past, rows, err := s.pastOfAll(ctx, tx, sessions, request)
		if err != nil {
			return err
		}
		if found, err := idempotency.Into(&outcomes, record.Outcomes)(spannerkeys.Decode(rows, request)); err != nil || found {
			return err
		}
		outcomes = make([]app.Outcome, len(sessions))
		for i, session := range sessions {
			switch err := past.requireAccount(session.AccountID, accounts); {
			case err != nil:
				outcomes[i].Refused, _ = errors.AsType[*fault.Error](err)
			case past.taken[session.SessionID]:
				outcomes[i].Refused = domain.ErrSessionTaken
			default:
				if outcomes[i].Result, err = s.insert(tx, past.last[session.SessionID], func(last int64) (domain.Audio, events.Event, error) {
					return decide(i, last)
				}); err != nil {
					return err
				}
				past.taken[session.SessionID] = true
				continue
			}
			if err := refuse(outcomes[i].Refused); err != nil {
				return err
			}
		}
		return s.keys.Record(tx, request, record.OfOutcomes(outcomes)...)
	})
	return outcomes, translate(err)
}

// Recorded implements app.Results.
func (s *Store) Recorded(ctx context.Context, request idempotency.Request) (outcomes []app.Outcome, found bool, err error) {
	query := spanner.NewStatement("SELECT ")
	s.keys.Select(&query, request)
	var rows spannerkeys.Rows
	if err := s.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		return tx.Query(ctx, query).Do(func(r *spanner.Row) error { return r.Columns(&rows) })
	}); err != nil {
		return nil, false, translate(err)
	}
	found, err = idempotency.Into(&outcomes, record.Outcomes)(spannerkeys.Decode(rows, request))
	return outcomes, found, err
}

// pasts is the past of sessions that are to be created.
type pasts struct {
	taken    map[int64]bool           // keyed by session id
	last     map[int64]int64          // last versions of deleted sessions
	accounts map[int64]domain.Account // accounts that are deleted or have an owner
}

func (p pasts) requireAccount(id *int64, accounts caller.Reach) error {
	if id == nil {
		return nil
	}
	return requireAccount(id, p.accounts[*id], accounts)
}

// pastOfAll is past for many sessions, also in one call. It locks the rows that
// it finds and the places of those that it does not find.
func (s *Store) pastOfAll(ctx context.Context, tx *spannerdb.Tx, sessions []domain.Session, request idempotency.Request) (p pasts, rows spannerkeys.Rows, err error) {
	ids, accounts := make([]int64, len(sessions)), []int64{}
	for i, session := range sessions {
		ids[i] = session.SessionID
		if session.AccountID != nil {
			accounts = append(accounts, *session.AccountID)
		}
	}
	query := spanner.Statement{
		SQL: `SELECT ARRAY(SELECT SessionId FROM Audios WHERE SessionId IN UNNEST(@sessions)),
			ARRAY(SELECT AS STRUCT SessionId, Version FROM DeletedAudios WHERE SessionId IN UNNEST(@sessions)),
			ARRAY(SELECT AccountId FROM DeletedAccounts WHERE AccountId IN UNNEST(@accounts)),
			ARRAY(SELECT AS STRUCT AccountId, Owner FROM AccountOwners WHERE AccountId IN UNNEST(@accounts)), `,
		Params: map[string]any{"sessions": ids, "accounts": accounts},
	}
	s.keys.Select(&query, request)
	var taken, accountsDeleted []int64
	var deleted []*struct {
		ID      int64 `spanner:"SessionId"`
		Version int64
	}
	var owned []*struct {
		ID    int64 `spanner:"AccountId"`
		Owner string
	}
	if err := tx.Query(ctx, query).Do(func(r *spanner.Row) error {
		return r.Columns(&taken, &deleted, &accountsDeleted, &owned, &rows)
	}); err != nil {
		return pasts{}, nil, err
	}
	p = pasts{map[int64]bool{}, map[int64]int64{}, map[int64]domain.Account{}}
	for _, id := range taken {
		p.taken[id] = true
	}
	for _, d := range deleted {
		p.last[d.ID] = d.Version
	}
	for _, id := range accountsDeleted {
		p.accounts[id] = domain.Account{Deleted: true}
	}
	for _, account := range owned { // RemoveAccount forgets owners, so none of these is deleted
		p.accounts[account.ID] = domain.Account{Owner: account.Owner}
	}
	return p, rows, nil
}
