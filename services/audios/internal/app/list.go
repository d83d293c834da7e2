package app

import (
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
