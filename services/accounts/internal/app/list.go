package app

import (
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
