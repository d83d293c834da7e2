// Package spannerstore keeps accounts in Spanner.
package spannerstore

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"cloud.google.com/go/spanner"

	"github.com/concha-labs/backend/pkg/custody/spannercustody"
	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/idempotency/spannerkeys"
	"github.com/concha-labs/backend/pkg/objects/spannerdiscards"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
	"github.com/concha-labs/backend/services/accounts/internal/record"
)

//go:embed migrations/*.sql retired/*.sql
var migrations embed.FS

// Schema returns the migrations of the store's tables, and of its event log and
// keys.
func Schema() []spannerdb.Migrations {
	return []spannerdb.Migrations{spannerlog.Migrations(), spannerkeys.Migrations(), spannercustody.Migrations(), {Component: "accounts", Files: migrations}}
}

// Store is an app.Store and app.Discards on a database that was migrated to
// Schema. Its calls to Spanner:
//   - a read, or a page of a list: one; the count of a list: one more.
//   - a write: two; an update with a key: three.
//   - a delete: three, and three more for each maxRedacted earlier changes
//     beyond the first maxRedacted.
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
	return &Store{db, log, keys, spannerlog.MaxRedacted, spannerdiscards.New(db, "DiscardedImages", "AccountId")}
}

var columns = []string{"Id", "Name", "Email", "Address", "Image", "Owner", "Version", "CreatedAt", "UpdatedAt"}

// Create implements app.Store.
func (s *Store) Create(ctx context.Context, a domain.Account, created events.Event, request idempotency.Request) (result domain.Account, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		if found, err := idempotency.Into(&result, record.Account)(s.keys.Find(ctx, tx, request)); err != nil || found {
			return err
		}
		result = a
		if err := s.insert(tx, a, created); err != nil {
			return err
		}
		return s.keys.Record(tx, request, record.OfAccount(a))
	})
	return result, err
}

// insert adds an account and its event.
func (s *Store) insert(tx *spannerdb.Tx, a domain.Account, created events.Event) error {
	row, err := values(a)
	if err != nil {
		return err
	}
	if err := tx.BufferWrite([]*spanner.Mutation{spanner.Insert("Accounts", columns, row)}); err != nil {
		return err
	}
	return s.log.Append(tx, created)
}

// Get implements app.Store.
func (s *Store) Get(ctx context.Context, id int64) (a domain.Account, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		a, err = one(tx.ReadRow(ctx, "Accounts", spanner.Key{id}, columns))
		return err
	})
	return a, translate(err)
}

// Update implements app.Store.
func (s *Store) Update(ctx context.Context, id int64, request idempotency.Request, decide func(domain.Account) (domain.Account, events.Event, error)) (next domain.Account, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *spannerdb.Tx) error {
		next = domain.Account{}
		if found, err := idempotency.Into(&next, record.Account)(s.keys.Find(ctx, tx, request)); err != nil || found {
			return err
		}
		current, err := one(tx.ReadRow(ctx, "Accounts", spanner.Key{id}, columns))
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
		row, err := values(next)
		if err != nil {
			return err
		}
		if err := tx.BufferWrite(append(s.discard(current, next.Image), spanner.Update("Accounts", columns, row))); err != nil {
			return err
		}
		return s.log.Append(tx, updated)
	})
	return next, err
}

// Delete implements app.Store.
func (s *Store) Delete(ctx context.Context, id int64, decide func(domain.Account) (events.Event, error)) error {
	_, err := spannerlog.Removal[domain.Account]{
		DB: s.db, Log: s.log, Subject: app.Subject, MaxRedacted: s.maxRedacted, Decide: decide,
		Find: func(ctx context.Context, tx *spannerdb.Tx) ([]domain.Account, error) {
			current, err := one(tx.ReadRow(ctx, "Accounts", spanner.Key{id}, columns))
			return []domain.Account{current}, err
		},
		Delete: func(tx *spannerdb.Tx, a domain.Account, deleted events.Event) error {
			if err := tx.BufferWrite(append(s.discard(a, nil), spanner.Delete("Accounts", spanner.Key{id}))); err != nil {
				return err
			}
			return s.keys.Erase(tx, deleted.Subject)
		},
	}.Run(ctx)
	return translate(err)
}

// discard records the image of current as discarded unless next keeps it.
func (s *Store) discard(current domain.Account, next *domain.Image) []*spanner.Mutation {
	if current.Image == nil || (next != nil && next.Object == current.Image.Object) {
		return nil
	}
	return []*spanner.Mutation{s.Add(current.ID, current.Image.Object)}
}

func (s *Store) write(ctx context.Context, do func(ctx context.Context, tx *spannerdb.Tx) error) error {
	return translate(s.db.ReadWrite(ctx, do))
}

// one returns the account in the result of a read of columns.
func one(r *spanner.Row, err error) (domain.Account, error) {
	if err != nil {
		return domain.Account{}, err
	}
	return scan(r)
}

// scan reads columns, and the further columns of a row into rest.
func scan(r *spanner.Row, rest ...any) (domain.Account, error) {
	var a domain.Account
	var image, owner spanner.NullString
	if err := r.Columns(append([]any{
		&a.ID, &a.Name, (*string)(&a.Email), &a.Address, &image, &owner, &a.Version, &a.CreatedAt, &a.UpdatedAt,
	}, rest...)...); err != nil {
		return domain.Account{}, err
	}
	a.Owner = owner.StringVal
	a.CreatedAt, a.UpdatedAt = a.CreatedAt.UTC(), a.UpdatedAt.UTC()
	if image.Valid {
		var err error
		if a.Image, err = record.Image(image.StringVal); err != nil {
			return domain.Account{}, fmt.Errorf("account %d: %w", a.ID, err)
		}
	}
	return a, nil
}

// values returns the values of an account in the order of columns.
func values(a domain.Account) ([]any, error) {
	image, err := record.OfImage(a.Image)
	if err != nil {
		return nil, err
	}
	owner := spanner.NullString{StringVal: a.Owner, Valid: a.Owner != ""}
	return []any{a.ID, a.Name, string(a.Email), a.Address, image, owner, a.Version, a.CreatedAt, a.UpdatedAt}, nil
}

// translate maps errors of the database to those of app.Store.
func translate(err error) error {
	if errors.Is(err, spanner.ErrRowNotFound) {
		return domain.ErrNotFound
	}
	if taken, ok := spannerdb.Duplicate(err); ok {
		if taken == "AccountsByEmail" {
			return domain.ErrEmailTaken.Wrap(err)
		}
		return domain.ErrIDTaken.Wrap(err) // in Accounts, or in the log, for a deleted account
	}
	return err
}
