package sqlitestore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
	"github.com/concha-labs/backend/services/audios/internal/record"
)

// AddAccounts implements app.Accounts.
func (s *Store) AddAccounts(ctx context.Context, owners map[int64]string) (added int64, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		added = 0
		for accountID, owner := range owners {
			n, err := tx.Exec(`INSERT INTO account_owners (account_id, owner) SELECT ?1, ?2
				WHERE NOT EXISTS (SELECT 1 FROM deleted_accounts WHERE account_id = ?1) ON CONFLICT DO NOTHING`, accountID, owner)
			if err != nil {
				return err
			}
			added += n
		}
		return nil
	})
	return added, translate(err)
}

// OwnedAccounts implements app.Accounts.
func (s *Store) OwnedAccounts(ctx context.Context, after int64, limit int) (ids []int64, err error) {
	rows, err := s.db.Query(ctx, `SELECT account_id FROM account_owners WHERE account_id > ? ORDER BY account_id LIMIT ?`, after, limit)
	if err != nil {
		return nil, translate(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, translate(err)
		}
		ids = append(ids, id)
	}
	return ids, translate(rows.Err())
}

// RemoveAccount implements app.Accounts.
func (s *Store) RemoveAccount(ctx context.Context, accountID int64, limit int, decide func(domain.Audio) (events.Event, error)) (removed int, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO deleted_accounts (account_id) VALUES (?) ON CONFLICT DO NOTHING`, accountID); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM account_owners WHERE account_id = ?`, accountID); err != nil {
			return err
		}
		rows, err := tx.Query(`SELECT `+columns+` FROM audios WHERE account_id = ? ORDER BY session_id LIMIT ?`, accountID, limit)
		if err != nil {
			return err
		}
		audios, err := scanAll(rows)
		if err != nil {
			return err
		}
		for _, a := range audios {
			if err := s.remove(tx, a, decide); err != nil {
				return err
			}
		}
		removed = len(audios)
		return nil
	})
	return removed, translate(err)
}

// UpdateReconciliation implements app.Reconciliations.
func (s *Store) UpdateReconciliation(ctx context.Context, change func(app.Reconciliation) (app.Reconciliation, error)) (next app.Reconciliation, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		var stored, state string
		err := tx.QueryRow(`SELECT state FROM reconciliation`).Scan(&stored)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if next, state, err = record.ChangeReconciliation(stored, change); err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO reconciliation (one, state) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET state = excluded.state`, state)
		return err
	})
	return next, translate(err)
}
