package app

import (
	"context"
	"fmt"
	"iter"
	"math"

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

// Start returns the place in an order by time after which the page begins, and
// the rest of q; see list.Options. In the order of ids, SessionID alone says where
// the page begins.
func (q Query) Start() (start list.Place, rest Query) {
	if !q.Order.ByTime() {
		return list.Place{}, q.afterID()
	}
	start, q.Options = q.Options.Start()
	return start, q
}

// afterID returns q with the place where it begins as a part of SessionID.
func (q Query) afterID() Query {
	ids := Range{0, math.MaxInt64}
	if q.SessionID != nil {
		ids = *q.SessionID
	}
	switch {
	case q.After == nil:
	case q.Order.Desc:
		ids.Max = min(ids.Max, q.After.ID-1)
	default:
		ids.Min = max(ids.Min, q.After.ID+1)
	}
	q.SessionID = &ids
	return q
}

// PlaceOf returns the place of an audio in the order of q.
func (q Query) PlaceOf(a domain.Audio) list.Place {
	return q.Order.Place(a.SessionID, a.CreatedAt, a.UpdatedAt)
}

// InCells reports whether a page is best read cell by cell. That is so if
// SelectedTick or StepCount is a range and no other filter is more selective:
// the index has the audios of each cell in the order of ids, but not those of a
// range of cells.
func (q Query) InCells() bool {
	ranges := (q.SelectedTick != nil && !q.SelectedTick.IsOne()) || (q.StepCount != nil && !q.StepCount.IsOne())
	return ranges && !q.Order.ByTime() && !q.SessionID.IsOne() &&
		len(q.SessionIDs) == 0 && q.Owner == "" && q.AccountID == nil && q.UpdatedSince.IsZero()
}

// Cell is a pair of values of the two fields with few values.
type Cell struct{ Tick, Step int64 }

// Cells returns the pairs that SelectedTick and StepCount allow, at most 150.
// The value of a field without a filter is 0.
func (q Query) Cells() []Cell {
	cells := []Cell{}
	for tick := range int64(domain.TickCount) {
		for step := range int64(domain.MaxStepCount + 1) {
			if q.SelectedTick.lets(tick) && q.StepCount.lets(step) {
				cells = append(cells, Cell{tick, step})
			}
		}
	}
	return cells
}

func (r *Range) lets(n int64) bool {
	if r == nil {
		return n == 0
	}
	return r.Min <= n && n <= r.Max
}

// List returns a page of the audios that the caller may read; see Store.
// Errors: caller.ErrForbidden.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	reach, err := caller.From(ctx).Read(caller.Audios)
	if err != nil {
		return Page{}, err
	}
	q.Owner, _ = reach.Owner()
	page, err := s.store.List(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("list audios: %w", err)
	}
	return page, nil
}

// From yields the audios of page, a page of q, and those of all later pages.
// The guarantees of Store.List apply. If it yields an error, it yields nothing
// after it.
func (s *Service) From(ctx context.Context, q Query, page Page) iter.Seq2[[]domain.Audio, error] {
	return list.From(page, func(last domain.Audio) (Page, error) {
		q.After = new(q.PlaceOf(last))
		return s.List(ctx, q)
	})
}
