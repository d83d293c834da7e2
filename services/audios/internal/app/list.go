package app

import (
	"context"
	"fmt"
	"iter"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Query selects a page of audios. Fields that are nil, zero or empty select all
// audios.
type Query struct {
	SessionID    *Range
	SessionIDs   []int64
	AccountID    *Range // excludes audios without an account
	SelectedTick *Range
	StepCount    *Range

	list.Options
}

// Range is the integers from Min to Max. It is empty if Min is larger than Max.
type Range struct{ Min, Max int64 }

// IsOne reports whether r is a single integer. It returns false for nil.
func (r *Range) IsOne() bool { return r != nil && r.Min == r.Max }

// Page is a part of a list of audios.
type Page = list.Page[domain.Audio]

// PlaceOf returns the place of a in an order.
func PlaceOf(a domain.Audio, o list.Order) list.Place {
	return o.Place(a.SessionID, a.CreatedAt, a.UpdatedAt)
}

// Filters returns the filters of q, except for those in Options.
func (q Query) Filters() (filters []list.Filter) {
	for _, f := range []struct {
		field string
		*Range
	}{{"session_id", q.SessionID}, {"account_id", q.AccountID}, {"selected_tick", q.SelectedTick}, {"step_count", q.StepCount}} {
		switch {
		case f.Range == nil:
		case f.IsOne():
			filters = append(filters, list.Filter{Field: f.field, Values: []any{f.Min}})
		default:
			filters = append(filters, list.Filter{Field: f.field, Min: f.Min, Max: f.Max})
		}
	}
	if len(q.SessionIDs) > 0 {
		filters = append(filters, list.AnyOf("session_id", q.SessionIDs))
	}
	return filters
}

// List returns a page of the audios that the caller may read; see Store.
// Errors: caller.ErrForbidden.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	reach, err := caller.From(ctx).Read(caller.Audios)
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
		return Page{}, fmt.Errorf("list audios: %w", err)
	}
	return page, nil
}

// From yields the audios of page, a page of q, and those of all later pages.
// The guarantees of Store.List apply. If it yields an error, it yields nothing
// after it.
func (s *Service) From(ctx context.Context, q Query, page Page) iter.Seq2[[]domain.Audio, error] {
	return list.From(page, func(after list.Place) (Page, error) {
		q.After = &after
		return s.List(ctx, q)
	})
}
