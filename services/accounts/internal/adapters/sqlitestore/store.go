// Package sqlitestore keeps accounts in SQLite.
package sqlitestore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog/sqlitelog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/idempotency/sqlitekeys"
	"github.com/concha-labs/backend/pkg/objects/sqlitediscards"
	"github.com/concha-labs/backend/pkg/sqlitedb"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
	"github.com/concha-labs/backend/services/accounts/internal/record"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the migrations of the store's tables.
func Migrations() sqlitedb.Migrations {
	return sqlitedb.Migrations{Component: "accounts", Files: migrations}
}

// Store is an app.Store and app.Discards on a database that was opened with
// Migrations and those of its event log and keys.
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
	return &Store{db, log, keys, sqlitediscards.New(db, "discarded_images", "account_id")}
}

// Create implements app.Store.
func (s *Store) Create(ctx context.Context, a domain.Account, created events.Event, request idempotency.Request) (result domain.Account, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		if found, err := idempotency.Into(&result, record.Account)(s.keys.Find(tx, request)); err != nil || found {
			return err
		}
		result = a
		if err := s.insert(tx, a, created); err != nil {
			return err
		}
		return s.keys.Record(tx, request, record.OfAccount(a))
	})
	return result, translate(err)
}

// CreateAll implements app.Store.
func (s *Store) CreateAll(ctx context.Context, accounts []domain.Account, created []events.Event, request idempotency.Request) (outcomes []app.Outcome, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		if found, err := idempotency.Into(&outcomes, record.Outcomes)(s.keys.Find(tx, request)); err != nil || found {
			return err
		}
		outcomes = make([]app.Outcome, len(accounts))
		for i, a := range accounts {
			switch err := translate(s.insert(tx, a, created[i])); {
			case err == nil:
				outcomes[i].Result = app.Added{ID: a.ID, CreatedAt: a.CreatedAt}
			case errors.Is(err, domain.ErrEmailTaken):
				outcomes[i].Refused = domain.ErrEmailTaken
			default:
				return err
			}
		}
		return s.keys.Record(tx, request, record.OfOutcomes(outcomes)...)
	})
	return outcomes, translate(err)
}

// insert adds an account and its event. If the e-mail is taken, it writes
// nothing.
func (s *Store) insert(tx *sqlitedb.Tx, a domain.Account, created events.Event) error {
	image, err := record.OfImage(a.Image)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO accounts (`+columns+`) VALUES (?, ?, ?, ?, ?, NULLIF(?, ''), ?, ?, ?)`,
		a.ID, a.Name, string(a.Email), a.Address, image, a.Owner, a.Version, a.CreatedAt.UnixMicro(), a.UpdatedAt.UnixMicro()); err != nil {
		return err
	}
	return s.log.Append(tx, created)
}

const columns = `id, name, email, address, image, owner, version, created_at, updated_at`

const selectOne = `SELECT ` + columns + ` FROM accounts WHERE id = ?`

// Get implements app.Store.
func (s *Store) Get(ctx context.Context, id int64) (domain.Account, error) {
	a, err := scan(s.db.QueryRow(ctx, selectOne, id))
	return a, translate(err)
}

// SQLite rewrites the index of a column that an UPDATE sets, also if its value stays
// the same.
const (
	updateOne       = `UPDATE accounts SET name = ?2, address = ?3, image = ?4, version = ?5, updated_at = ?6 WHERE id = ?1`
	updateWithEmail = `UPDATE accounts SET name = ?2, address = ?3, image = ?4, version = ?5, updated_at = ?6, email = ?7 WHERE id = ?1`
)

// Update implements app.Store.
func (s *Store) Update(ctx context.Context, id int64, request idempotency.Request, decide func(domain.Account) (domain.Account, events.Event, error)) (next domain.Account, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		if found, err := idempotency.Into(&next, record.Account)(s.keys.Find(tx, request)); err != nil || found {
			return err
		}
		current, err := scan(tx.QueryRow(selectOne, id))
		if err != nil {
			return err
		}
		var updated events.Event
		if next, updated, err = decide(current); err != nil {
			return err
		}
		if err := s.keys.Record(tx, request, record.OfAccount(next)); err != nil || next.Version == current.Version {
			return err
		}
		if err := s.discard(tx, current, next.Image); err != nil {
			return err
		}
		image, err := record.OfImage(next.Image)
		if err != nil {
			return err
		}
		query, args := updateOne, []any{id, next.Name, next.Address, image, next.Version, next.UpdatedAt.UnixMicro()}
		if next.Email != current.Email {
			query, args = updateWithEmail, append(args, string(next.Email))
		}
		if _, err := tx.Exec(query, args...); err != nil {
			return err
		}
		return s.log.Append(tx, updated)
	})
	return next, translate(err)
}

// Delete implements app.Store.
func (s *Store) Delete(ctx context.Context, id int64, decide func(domain.Account) (events.Event, error)) error {
	return translate(s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		current, err := scan(tx.QueryRow(selectOne, id))
		if err != nil {
			return err
		}
		deleted, err := decide(current)
		if err != nil {
			return err
		}
		if err := s.discard(tx, current, nil); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM accounts WHERE id = ?`, id); err != nil {
			return err
		}
		if err := s.log.Redact(tx, deleted.Subject); err != nil {
			return err
		}
		if err := s.keys.Erase(tx, deleted.Subject); err != nil {
			return err
		}
		return s.log.Append(tx, deleted)
	}))
}

// discard records the image of current as discarded unless next keeps it.
func (s *Store) discard(tx *sqlitedb.Tx, current domain.Account, next *domain.Image) error {
	if current.Image == nil || (next != nil && next.Object == current.Image.Object) {
		return nil
	}
	return s.Add(tx, current.ID, current.Image.Object)
}

func scan(row interface{ Scan(dest ...any) error }) (domain.Account, error) {
	var a domain.Account
	var owner sql.NullString
	var created, updated int64
	if err := row.Scan(&a.ID, &a.Name, (*string)(&a.Email), &a.Address, imageOf{&a}, &owner, &a.Version, &created, &updated); err != nil {
		return domain.Account{}, err
	}
	a.Owner = owner.String
	a.CreatedAt, a.UpdatedAt = time.UnixMicro(created).UTC(), time.UnixMicro(updated).UTC()
	return a, nil
}

// imageOf is the destination of the column image.
type imageOf struct{ *domain.Account }

// Scan implements sql.Scanner.
func (i imageOf) Scan(column any) error {
	if column == nil {
		return nil
	}
	text, ok := column.(string)
	if !ok {
		return fmt.Errorf("an image of type %T", column)
	}
	img, err := record.Image(text)
	i.Image = img
	return err
}

// translate maps errors of the database to those of app.Store.
func translate(err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return domain.ErrNotFound
	case sqlitedb.IsUnique(err, "accounts.email"):
		return domain.ErrEmailTaken.Wrap(err)
	case sqlitedb.IsUnique(err, "accounts.id"):
		return domain.ErrIDTaken.Wrap(err)
	default:
		return sqlitedb.Translate(err)
	}
}
