package app

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// What a list may be ordered by; then comes the session id.
const (
	ByID      = "session_id"
	ByCreated = "created_at"
	ByUpdated = "updated_at"
)

// Query selects a page of audios; nil, zero and empty fields select all.
type Query struct {
	SessionID    *Range
	SessionIDs   []int64
	AccountID    *Range // leaves out what belongs to no account
	SelectedTick *Range
	StepCount    *Range
	UpdatedSince time.Time // then or later
	Order        Order
	After        *Place // nil: from the beginning
	Limit        int    // at least 1
	Total        bool   // whether to count all that match
}

// Range is the integers from Min to Max; none if Min is larger.
type Range struct{ Min, Max int64 }

// IsOne reports whether r is a single integer; a nil Range is not.
func (r *Range) IsOne() bool { return r != nil && r.Min == r.Max }

// Order is the order of a list. The zero Order is that of session ids.
type Order struct {
	By   string
	Desc bool
}

// Place is where an audio stands in the order of a list.
type Place struct {
	At time.Time // what the list is ordered by, unless that is the session id
	ID int64     // session id
}

// Page is a part of a list.
type Page struct {
	Items []domain.Audio
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

// Start returns the place in an order by time after which the page begins, and
// what else there is to q: in the order of ids, the place is told by SessionID
// alone; in the ascending order of updates, UpdatedSince is only such a place.
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

// PlaceOf returns where an audio stands in the order of q.
func (q Query) PlaceOf(a domain.Audio) Place {
	switch q.Order.By {
	case ByCreated:
		return Place{a.CreatedAt, a.SessionID}
	case ByUpdated:
		return Place{a.UpdatedAt, a.SessionID}
	}
	return Place{ID: a.SessionID}
}

// InCells reports whether a page is best read cell by cell, as SelectedTick or
// StepCount is a range, and nothing selects better: an index has each cell in
// the order of ids, but no range of them.
func (q Query) InCells() bool {
	ranges := (q.SelectedTick != nil && !q.SelectedTick.IsOne()) || (q.StepCount != nil && !q.StepCount.IsOne())
	return ranges && (q.Order.By == "" || q.Order.By == ByID) && !q.SessionID.IsOne() &&
		len(q.SessionIDs) == 0 && q.AccountID == nil && q.UpdatedSince.IsZero()
}

// Cell is a value of the two fields that have few.
type Cell struct{ Tick, Step int64 }

// Cells returns the values that SelectedTick and StepCount let through: at most
// 150, whatever the ranges. Of a field that q does not filter by, it is 0.
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

// From yields the audios of page, which is one of q, and those of all pages
// after it, with the promises of Store.List; an error is the last that it yields.
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
