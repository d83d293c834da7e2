package app

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// The orders of a list. Accounts that are equal in it are ordered by id.
const (
	ByID      = "id"
	ByCreated = "created_at"
	ByUpdated = "updated_at"
)

// Query selects a page of accounts. Fields that are nil, zero or empty select
// all accounts.
type Query struct {
	Name         *string
	Email        *domain.Email
	Address      *string
	IDs          []int64
	UpdatedSince time.Time // at this time or later
	Order        Order
	After        *Place // nil means from the beginning
	Limit        int    // at least 1
	Total        bool   // whether to count all matching accounts
}

// Order is the order of a list. The zero Order is that of ids.
type Order struct {
	By   string
	Desc bool
}

// Place is the position of an account in the order of a list.
type Place struct {
	At time.Time // the value of the order, unless it is the id
	ID int64
}

// Page is a part of a list.
type Page struct {
	Items []domain.Account
	More  bool   // whether more accounts follow
	Total *int64 // number of accounts on all pages, if requested; counted at about the same time
	// Head is set on the first page of a list, a query without After. It is the
	// position in the log when the page was read: the pages of the list and the
	// events after Head together contain every change.
	Head Position
}

// Position is a position between two events of the log; see eventlog.Position.
type Position struct {
	Time  time.Time
	Place string
}

// lastMoment is the latest time that every database accepts.
var lastMoment = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Start returns the place after which the page begins, and the query without
// the parts that the place expresses: in the ascending order of updates,
// UpdatedSince is such a place.
func (q Query) Start() (start Place, rest Query) {
	switch {
	case q.After != nil:
		start = *q.After
	case q.Order.Desc:
		start = Place{lastMoment, math.MaxInt64}
	}
	if q.Order == (Order{By: ByUpdated}) {
		if start.At.Before(q.UpdatedSince) {
			start = Place{q.UpdatedSince.Add(-time.Microsecond), math.MaxInt64}
		}
		q.UpdatedSince = time.Time{}
	}
	return start, q
}

// PlaceOf returns the place of an account in the order of q.
func (q Query) PlaceOf(a domain.Account) Place {
	switch q.Order.By {
	case ByCreated:
		return Place{a.CreatedAt, a.ID}
	case ByUpdated:
		return Place{a.UpdatedAt, a.ID}
	}
	return Place{ID: a.ID}
}

// List returns a page of accounts; see Store.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	page, err := s.store.List(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("list accounts: %w", err)
	}
	return page, nil
}

// From yields the accounts of page, a page of q, and those of all later pages.
// The guarantees of Store.List apply. If it yields an error, it yields nothing
// after it.
func (s *Service) From(ctx context.Context, q Query, page Page) iter.Seq2[[]domain.Account, error] {
	return func(yield func([]domain.Account, error) bool) {
		for yield(page.Items, nil) && page.More {
			q.After = new(q.PlaceOf(page.Items[len(page.Items)-1]))
			var err error
			if page, err = s.List(ctx, q); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}
