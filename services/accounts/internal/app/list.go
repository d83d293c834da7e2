package app

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// What a list may be ordered by; then comes the id.
const (
	ByID      = "id"
	ByCreated = "created_at"
	ByUpdated = "updated_at"
)

// Query selects a page of accounts; nil, zero and empty fields select all.
type Query struct {
	Name         *string
	Email        *domain.Email
	Address      *string
	IDs          []int64
	UpdatedSince time.Time // then or later
	Order        Order
	After        *Place // nil: from the beginning
	Limit        int    // at least 1
	Total        bool   // whether to count all that match
}

// Order is the order of a list. The zero Order is that of ids.
type Order struct {
	By   string
	Desc bool
}

// Place is where an account stands in the order of a list.
type Place struct {
	At time.Time // what the list is ordered by, unless that is the id
	ID int64
}

// Page is a part of a list.
type Page struct {
	Items []domain.Account
	More  bool   // whether others follow
	Total *int64 // of all pages, if it was asked for; counted at about the same moment
	// Head is the position of which a first page, one of no After, tells all
	// that is before it: whoever has all pages has missed nothing but events
	// after it. Zero on later pages.
	Head Position
}

// Position is a place between two events of the log; see eventlog.Position.
type Position struct {
	Time  time.Time
	Place string
}

// lastMoment is the latest that every database takes.
var lastMoment = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Start returns the place after which the page begins, and what else there is
// to q: in the ascending order of updates, UpdatedSince is only such a place.
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

// PlaceOf returns where an account stands in the order of q.
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

// From yields the accounts of page, which is one of q, and those of all pages
// after it, with the promises of Store.List; an error is the last that it yields.
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
