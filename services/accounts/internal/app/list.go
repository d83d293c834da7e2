package app

import (
	"context"
	"fmt"
	"iter"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// Query selects a page of accounts. Fields that are nil, zero or empty select
// all accounts.
type Query struct {
	Name    *string
	Email   *domain.Email
	Address *string
	IDs     []int64

	list.Options
}

// Page is a part of a list of accounts.
type Page = list.Page[domain.Account]

// PlaceOf returns the place of a in an order.
func PlaceOf(a domain.Account, o list.Order) list.Place {
	return o.Place(a.ID, a.CreatedAt, a.UpdatedAt)
}

// Filters returns the filters of q, except for those in Options.
func (q Query) Filters() (filters []list.Filter) {
	if q.Name != nil {
		filters = append(filters, list.AnyOf("name", []string{*q.Name}))
	}
	if q.Email != nil {
		filters = append(filters, list.AnyOf("email", []string{string(*q.Email)}))
	}
	if q.Address != nil {
		filters = append(filters, list.AnyOf("address", []string{*q.Address}))
	}
	if len(q.IDs) > 0 {
		filters = append(filters, list.AnyOf("id", q.IDs))
	}
	return filters
}

// List returns a page of the accounts that the caller may read; see Store.
// Errors: caller.ErrForbidden.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	reach, err := caller.From(ctx).Read(caller.Accounts)
	if err != nil {
		return Page{}, err
	}
	owner, restricted := reach.Owner()
	if restricted && owner == "" {
		return Page{}, caller.ErrForbidden
	}
	q.Owner = owner
	page, err := s.db.List(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("list accounts: %w", err)
	}
	return page, nil
}

// From yields the accounts of page, a page of q, and those of all later pages.
// The guarantees of Store.List apply. If it yields an error, it yields nothing
// after it.
func (s *Service) From(ctx context.Context, q Query, page Page) iter.Seq2[[]domain.Account, error] {
	return list.From(page, func(after list.Place) (Page, error) {
		q.After = &after
		return s.List(ctx, q)
	})
}
