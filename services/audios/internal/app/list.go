package app

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// The orders of a list. Audios that are equal in it are ordered by session id.
const (
	ByID      = "session_id"
	ByCreated = "created_at"
	ByUpdated = "updated_at"
)

// Query selects a page of audios. Fields that are nil, zero or empty select all
// audios.
type Query struct {
	SessionID    *Range
	SessionIDs   []int64
	AccountID    *Range // excludes audios without an account
	SelectedTick *Range
	StepCount    *Range
	UpdatedSince time.Time // at this time or later
	Order        Order
	After        *Place // nil means from the beginning
	Limit        int    // at least 1
	Total        bool   // whether to count all matching audios
}

// Range is the integers from Min to Max. It is empty if Min is larger than Max.
type Range struct{ Min, Max int64 }

// IsOne reports whether r is a single integer. It returns false for nil.
func (r *Range) IsOne() bool { return r != nil && r.Min == r.Max }

// Order is the order of a list. The zero Order is that of session ids.
type Order struct {
	By   string
	Desc bool
}

// Place is the position of an audio in the order of a list.
type Place struct {
	At time.Time // the value of the order, unless it is the session id
	ID int64     // the session id
}

// Page is a part of a list.
type Page struct {
	Items []domain.Audio
	More  bool   // whether more audios follow
	Total *int64 // number of audios on all pages, if requested; counted at about the same time
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

// Start returns the place after which the page begins in an order by time, and
// the query without the parts that the place expresses. In the order of ids,
// SessionID expresses the place instead. In the ascending order of updates,
// UpdatedSince is such a place.
func (q Query) Start() (start Place, rest Query) {
	switch {
	case q.Order.By != ByCreated && q.Order.By != ByUpdated:
		return Place{}, q.afterID()
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
func (q Query) PlaceOf(a domain.Audio) Place {
	switch q.Order.By {
	case ByCreated:
		return Place{a.CreatedAt, a.SessionID}
	case ByUpdated:
		return Place{a.UpdatedAt, a.SessionID}
	}
	return Place{ID: a.SessionID}
}

// InCells reports whether a page is best read cell by cell. That is so if
// SelectedTick or StepCount is a range and no other filter is more selective:
// the index has the audios of each cell in the order of ids, but not those of a
// range of cells.
func (q Query) InCells() bool {
	ranges := (q.SelectedTick != nil && !q.SelectedTick.IsOne()) || (q.StepCount != nil && !q.StepCount.IsOne())
	return ranges && (q.Order.By == "" || q.Order.By == ByID) && !q.SessionID.IsOne() &&
		len(q.SessionIDs) == 0 && q.AccountID == nil && q.UpdatedSince.IsZero()
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

// List returns a page of audios; see Store.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
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
	return func(yield func([]domain.Audio, error) bool) {
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
