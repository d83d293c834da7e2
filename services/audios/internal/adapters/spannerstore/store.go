// Package spannerstore keeps audios in Spanner.
package spannerstore

import (
	"context"
	"embed"
	"errors"
	"strings"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/custody/spannercustody"
	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/idempotency/spannerkeys"
	"github.com/concha-labs/backend/pkg/objects/spannerdiscards"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
	"github.com/concha-labs/backend/services/audios/internal/record"
)

//go:embed migrations/*.sql retired/*.sql
var migrations embed.FS

// Schema returns the migrations of the store's tables, and of its event log and
// keys.
func Schema() []spannerdb.Migrations {
	return []spannerdb.Migrations{spannerlog.Migrations(), spannerkeys.Migrations(), spannercustody.Migrations(), {Component: "audios", Files: migrations}}
}

// Store is an app.Database on a database that was migrated to Schema. Its calls to Spanner:
//   - a read, or a page of a list: one; the count of a list: one more.
//   - a write: two.
//   - a delete, also of many audios: three, and three more for each maxRedacted
//     earlier changes beyond the first maxRedacted.
type Store struct {
	db          *spannerdb.DB
	log         *spannerlog.Log
	keys        *spannerkeys.Keys
	maxRedacted int64 // number of events that one transaction redacts
	*spannerdiscards.Discards
}

var _ app.Database = (*Store)(nil)

// New returns the store in db. It appends events to log, and records requests
// in keys.
func New(db *spannerdb.DB, log *spannerlog.Log, keys *spannerkeys.Keys) *Store {
	return &Store{db, log, keys, spannerlog.MaxRedacted, spannerdiscards.New(db, "DiscardedFiles", "SessionId")}
}

// Create implements app.Store.
func (s *Store) Create(ctx context.Context, session domain.Session, accounts caller.Reach, request idempotency.Request, decide func(int64) (domain.Audio, events.Event, error)) (a domain.Audio, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		last, account, rows, err := s.past(ctx, tx, session, request)
		if err != nil {
			return err
		}
		if found, err := idempotency.Into(&a, record.Audio)(spannerkeys.Decode(rows, request)); err != nil || found {
			return err
		}
		if err := requireAccount(session.AccountID, account, accounts); err != nil {
			return err
		}
		if a, err = s.insert(tx, last, decide); err != nil {
			return err
		}
		return s.keys.Record(tx, request, record.OfAudio(a))
	})
	return a, err
}

// insert adds the audio that decide returns for the last version, and its
// event.
func (s *Store) insert(tx *spannerdb.Tx, last int64, decide func(int64) (domain.Audio, events.Event, error)) (domain.Audio, error) {
	a, created, err := decide(last)
	if err != nil {
		return domain.Audio{}, err
	}
	changes := []*spanner.Mutation{spanner.Insert("Audios", columns, values(a))}
	changes = append(changes, keep(&a)...)
	if last > 0 {
		changes = append(changes, spanner.Delete("DeletedAudios", spanner.Key{a.SessionID}))
	}
	if err := tx.BufferWrite(changes); err != nil {
		return domain.Audio{}, err
	}
	return a, s.log.Append(tx, created)
}

// accountColumns are read into a domain.Account.
const accountColumns = `EXISTS (SELECT 1 FROM DeletedAccounts WHERE AccountId = @account),
	IFNULL((SELECT Owner FROM AccountOwners WHERE AccountId = @account), '')`

// requireAccount refuses an account that a session may not have.
func requireAccount(id *int64, account domain.Account, accounts caller.Reach) error {
	if id == nil {
		return nil
	}
	return account.Admit(accounts)
}

// past reads in one call the last version of a deleted session, or 0, its
// account, and the record of the request, if there is one.
func (s *Store) past(ctx context.Context, tx *spannerdb.Tx, session domain.Session, request idempotency.Request) (last int64, account domain.Account, rows spannerkeys.Rows, err error) {
	query := spanner.Statement{
		SQL:    "SELECT IFNULL((SELECT Version FROM DeletedAudios WHERE SessionId = @session), 0), " + accountColumns + ", ",
		Params: map[string]any{"session": session.SessionID, "account": session.AccountID},
	}
	s.keys.Select(&query, request)
	err = tx.Query(ctx, query).Do(func(r *spanner.Row) error { return r.Columns(&last, &account.Deleted, &account.Owner, &rows) })
	return last, account, rows, err
}

// Get implements app.Store.
func (s *Store) Get(ctx context.Context, sessionID int64) (a domain.Audio, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		row, err := tx.ReadRow(ctx, "Audios", spanner.Key{sessionID}, columns)
		if err != nil {
			return err
		}
		a, err = scan(row)
		return err
	})
	return a, translate(err)
}

// Update implements app.Store.
func (s *Store) Update(ctx context.Context, sessionID int64, account app.AccountOf, decide func(domain.Audio) (domain.Audio, events.Event, error)) (next domain.Audio, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		current, known, err := present(ctx, tx, sessionID, account.ID)
		if err != nil {
			return err
		}
		var updated events.Event
		if next, updated, err = decide(current); err != nil || next.Version == current.Version {
			return err
		}
		if err := requireAccount(account.ID, known, account.Reach); err != nil {
			return err
		}
		changes := []*spanner.Mutation{spanner.Update("Audios", columns, values(next))}
		if next.File.Object != current.File.Object {
			changes = append(changes, s.discard(current)...)
		}
		if current.File.Kept && !next.File.Kept {
			changes = append(changes, spanner.Delete("Documents", spanner.Key{next.SessionID}))
		}
		changes = append(changes, keep(&next)...)
		if err := tx.BufferWrite(changes); err != nil {
			return err
		}
		return s.log.Append(tx, updated)
	})
	return next, err
}

// present reads in one call the current audio of a session, and an account if
// accountID is not nil.
func present(ctx context.Context, tx *spannerdb.Tx, sessionID int64, accountID *int64) (current domain.Audio, account domain.Account, err error) {
	if accountID == nil { // the most frequent case; a read is cheaper than a query
		row, err := tx.ReadRow(ctx, "Audios", spanner.Key{sessionID}, columns)
		if err != nil {
			return domain.Audio{}, account, err
		}
		current, err = scan(row)
		return current, account, err
	}
	found := false
	err = tx.Query(ctx, spanner.Statement{
		SQL: "SELECT " + strings.Join(columns, ", ") + ", " + accountColumns +
			" FROM Audios WHERE SessionId = @session",
		Params: map[string]any{"session": sessionID, "account": accountID},
	}).Do(func(r *spanner.Row) error {
		found = true
		current, err = scan(r, &account.Deleted, &account.Owner)
		return err
	})
	if err == nil && !found {
		err = spanner.ErrRowNotFound
	}
	return current, account, err
}

func (s *Store) write(ctx context.Context, do func(ctx context.Context, tx *spannerdb.Tx) error) error {
	return translate(s.db.ReadWrite(ctx, do))
}

// translate maps errors of the database to those of app.Store.
func translate(err error) error {
	if errors.Is(err, spanner.ErrRowNotFound) {
		return domain.ErrNotFound
	}
	if _, ok := spannerdb.Duplicate(err); ok {
		return domain.ErrSessionTaken.Wrap(err) // in Audios, or in the log, which has events of that session
	}
	return err
}
