// Package sqlitestore keeps audios in SQLite.
package sqlitestore

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/idempotency/sqlitekeys"
	"github.com/concha-labs/backend/pkg/objects/sqlitediscards"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
	"github.com/concha-labs/backend/services/audios/internal/record"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the migrations of the store's tables.
func Migrations() sqlitedb.Migrations {
	return sqlitedb.Migrations{Component: "audios", Files: migrations}
}

// Store is an app.Database on a database that was opened with Migrations and those
// of its event log and keys.
type Store struct {
	db   *sqlitedb.DB
	log  *sqlitelog.Log
	keys *sqlitekeys.Keys
	*sqlitediscards.Discards
}

var _ app.Database = (*Store)(nil)

// New returns the store in db. It appends events to log, and records requests
// in keys.
func New(db *sqlitedb.DB, log *sqlitelog.Log, keys *sqlitekeys.Keys) *Store {
	return &Store{db, log, keys, sqlitediscards.New(db, "discarded_files", "session_id")}
}

// Create implements app.Store.
func (s *Store) Create(ctx context.Context, session domain.Session, accounts caller.Reach, request idempotency.Request, decide func(int64) (domain.Audio, events.Event, error)) (a domain.Audio, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		if found, err := idempotency.Into(&a, record.Audio)(s.keys.Find(tx, request)); err != nil || found {
			return err
		}
		last, err := lastVersion(tx, session.SessionID)
		if err != nil {
			return err
		}
		if a, err = s.insert(tx, session, last, accounts, decide); err != nil {
			return err
		}
		return s.keys.Record(tx, request, record.OfAudio(a))
	})
	return a, translate(err)
}

// CreateAll implements app.Store.
func (s *Store) CreateAll(ctx context.Context, sessions []domain.Session, accounts caller.Reach, request idempotency.Request, decide func(int, int64) (domain.Audio, events.Event, error), refuse func(*fault.Error) error) (outcomes []app.Outcome, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		if found, err := idempotency.Into(&outcomes, record.Outcomes)(s.keys.Find(tx, request)); err != nil || found {
			return err
		}
		last, err := lastVersions(tx, sessions)
		if err != nil {
			return err
		}
		outcomes = make([]app.Outcome, len(sessions))
		for i, session := range sessions {
			a, err := s.insert(tx, session, last[session.SessionID], accounts, func(last int64) (domain.Audio, events.Event, error) { return decide(i, last) })
			if err == nil {
				outcomes[i].Result = a
				continue
			}
			if outcomes[i].Refused = refusal(translate(err)); outcomes[i].Refused == nil {
				return err
			}
			if err := refuse(outcomes[i].Refused); err != nil {
				return err
			}
		}
		return s.keys.Record(tx, request, record.OfOutcomes(outcomes)...)
	})
	return outcomes, translate(err)
}

// refusal returns the reason for which an audio of a batch is not created while
// the others are, or nil if err is no such reason.
func refusal(err error) *fault.Error {
	for _, reason := range []*fault.Error{domain.ErrSessionTaken, domain.ErrAccountDeleted, domain.ErrAccountUnknown} {
		if errors.Is(err, reason) {
			return reason
		}
	}
	return nil
}

// Recorded implements app.Results. Find needs a transaction of the writer; one
// that writes nothing is not synced.
func (s *Store) Recorded(ctx context.Context, request idempotency.Request) (outcomes []app.Outcome, found bool, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		found, err = idempotency.Into(&outcomes, record.Outcomes)(s.keys.Find(tx, request))
		return err
	})
	return outcomes, found, translate(err)
}

// insert adds the audio of a session and its event. last is the version at which
// an earlier audio of the session was deleted, or 0. If the session may
// not have its account, or exists, insert writes nothing.
func (s *Store) insert(tx *sqlitedb.Tx, session domain.Session, last int64, accounts caller.Reach, decide func(int64) (domain.Audio, events.Event, error)) (domain.Audio, error) {
	if err := requireAccount(tx, session.AccountID, accounts); err != nil {
		return domain.Audio{}, err
	}
	a, created, err := decide(last)
	if err != nil {
		return domain.Audio{}, err
	}
	if _, err := tx.Exec(`INSERT INTO audios (`+columns+`, file_content_id)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULLIF(?, ''), ?, ?, ?, IIF(?, `+nextContent+`, NULL))`,
		a.SessionID, a.AccountID, toBlob(a.Ticks), a.SelectedTick, a.StepCount,
		objectOf(a), a.File.SizeBytes, a.File.SHA256, a.Owner, a.Version, a.CreatedAt.UnixMicro(), a.UpdatedAt.UnixMicro(), a.File.Content != ""); err != nil {
		return domain.Audio{}, err
	}
	if err := keep(tx, &a); err != nil {
		return domain.Audio{}, err
	}
	if last > 0 {
		if _, err := tx.Exec(`DELETE FROM deleted_audios WHERE session_id = ?`, a.SessionID); err != nil {
			return domain.Audio{}, err
		}
	}
	return a, s.log.Append(tx, created)
}

const selectOne = `SELECT ` + columns + ` FROM audios WHERE session_id = ?`

// Get implements app.Store.
func (s *Store) Get(ctx context.Context, sessionID int64) (domain.Audio, error) {
	a, err := scan(s.db.QueryRow(ctx, selectOne, sessionID))
	return a, translate(err)
}

// Update implements app.Store.
func (s *Store) Update(ctx context.Context, sessionID int64, account app.AccountOf, decide func(domain.Audio) (domain.Audio, events.Event, error)) (next domain.Audio, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		current, err := scan(tx.QueryRow(selectOne, sessionID))
		if err != nil {
			return err
		}
		var updated events.Event
		if next, updated, err = decide(current); err != nil || next.Version == current.Version {
			return err
		}
		if err := requireAccount(tx, account.ID, account.Reach); err != nil {
			return err
		}
		if next.File.Object != current.File.Object {
			if err := s.discard(tx, current); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(`UPDATE audios SET account_id = ?, ticks = ?, selected_tick = ?, step_count = ?,
			file_object = ?, file_bytes = ?, file_sha256 = ?, version = ?, updated_at = ? WHERE session_id = ?`,
			next.AccountID, toBlob(next.Ticks), next.SelectedTick, next.StepCount,
			objectOf(next), next.File.SizeBytes, next.File.SHA256, next.Version, next.UpdatedAt.UnixMicro(), next.SessionID); err != nil {
			return err
		}
		if next.File != current.File {
			if err := replace(tx, current, &next); err != nil {
				return err
			}
		}
		return s.log.Append(tx, updated)
	})
	return next, translate(err)
}

// requireAccount refuses an account that a session may not have.
func requireAccount(tx *sqlitedb.Tx, accountID *int64, accounts caller.Reach) error {
	if accountID == nil {
		return nil
	}
	var account domain.Account
	if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM deleted_accounts WHERE account_id = ?1),
		IFNULL((SELECT owner FROM account_owners WHERE account_id = ?1), '')`, *accountID).Scan(&account.Deleted, &account.Owner); err != nil {
		return err
	}
	return account.Admit(accounts)
}

// lastVersion returns the last version of a deleted session, or 0.
func lastVersion(tx *sqlitedb.Tx, sessionID int64) (last int64, err error) {
	err = tx.QueryRow(`SELECT version FROM deleted_audios WHERE session_id = ?`, sessionID).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return last, err
}

// lastVersions returns the last version of each deleted session among sessions,
// by session id.
func lastVersions(tx *sqlitedb.Tx, sessions []domain.Session) (map[int64]int64, error) {
	ids := make([]int64, len(sessions))
	for i, session := range sessions {
		ids[i] = session.SessionID
	}
	array, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(`SELECT session_id, version FROM deleted_audios WHERE session_id IN (SELECT value FROM json_each(?))`, string(array))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	last := map[int64]int64{}
	for rows.Next() {
		var id, version int64
		if err := rows.Scan(&id, &version); err != nil {
			return nil, err
		}
		last[id] = version
	}
	return last, rows.Err()
}

// translate maps errors of the database to those of app.Store.
func translate(err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return domain.ErrNotFound
	case sqlitedb.IsUnique(err, "audios.session_id"):
		return domain.ErrSessionTaken.Wrap(err)
	default:
		return sqlitedb.Translate(err)
	}
}
