package spannerstore

import (
	"context"
	"errors"
	"strings"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
	"github.com/concha-labs/backend/services/audios/internal/record"
)

// AddAccounts implements app.Accounts.
func (s *Store) AddAccounts(ctx context.Context, owners map[int64]string) (added int64, err error) {
	type account struct {
		ID    int64
		Owner string
	}
	var accounts []account
	for id, owner := range owners {
		accounts = append(accounts, account{id, owner})
	}
	err = s.write(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		added, err = tx.Update(ctx, spanner.Statement{
			SQL: `INSERT OR IGNORE INTO AccountOwners (AccountId, Owner) SELECT a.ID, a.Owner FROM UNNEST(@accounts) AS a
				WHERE NOT EXISTS (SELECT 1 FROM DeletedAccounts AS d WHERE d.AccountId = a.ID)`,
			Params: map[string]any{"accounts": accounts},
		})
		return err
	})
	return added, err
}

// OwnedAccounts implements app.Accounts.
func (s *Store) OwnedAccounts(ctx context.Context, after int64, limit int) (ids []int64, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		ids = nil
		keys := spanner.KeyRange{Start: spanner.Key{after}, End: spanner.Key{int64(domain.MaxID)}, Kind: spanner.OpenClosed}
		return tx.ReadWithOptions(ctx, "AccountOwners", keys, []string{"AccountId"}, &spanner.ReadOptions{Limit: limit}).Do(func(r *spanner.Row) error {
			var id int64
			err := r.Columns(&id)
			ids = append(ids, id)
			return err
		})
	})
	return ids, translate(err)
}

// RemoveAccount implements app.Accounts.
func (s *Store) RemoveAccount(ctx context.Context, accountID int64, limit int, decide func(domain.Audio) (events.Event, error)) (removed int, err error) {
	return s.remove(ctx, decide, func(ctx context.Context, tx *spannerdb.Tx) ([]domain.Audio, error) {
		if err := tx.BufferWrite([]*spanner.Mutation{
			spanner.InsertOrUpdate("DeletedAccounts", []string{"AccountId"}, []any{accountID}),
			spanner.Delete("AccountOwners", spanner.Key{accountID}),
		}); err != nil {
			return nil, err
		}
		return scanAll(tx.Query(ctx, spanner.Statement{
			SQL: "SELECT " + strings.Join(columns, ", ") + " FROM Audios@{FORCE_INDEX=AudiosOfAccount}" +
				" WHERE AccountId IS NOT NULL AND AccountId = @account ORDER BY SessionId LIMIT @limit",
			Params: map[string]any{"account": accountID, "limit": int64(limit)},
		}))
	})
}

// UpdateReconciliation implements app.Reconciliations.
func (s *Store) UpdateReconciliation(ctx context.Context, change func(app.Reconciliation) (app.Reconciliation, error)) (next app.Reconciliation, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		var stored, state string
		row, err := tx.ReadRow(ctx, "Reconciliation", spanner.Key{1}, []string{"State"})
		if err == nil {
			err = row.Columns(&stored)
		}
		if err != nil && !errors.Is(err, spanner.ErrRowNotFound) {
			return err
		}
		if next, state, err = record.ChangeReconciliation(stored, change); err != nil {
			return err
		}
		return tx.BufferWrite([]*spanner.Mutation{spanner.InsertOrUpdate("Reconciliation", []string{"One", "State"}, []any{1, state})})
	})
	return next, err
}
