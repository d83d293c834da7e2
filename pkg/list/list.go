// Package list is the vocabulary of lists of resources: orders, places in them,
// and pages. A page goes on after the last resource of the page before, so the
// pages of a list hold while others write.
package list

import (
	"cmp"
	"iter"
	"math"
	"time"
)

// The values of Order.By. In orders by time, resources of one time are in the
// order of their ids.
const (
	ByID      = "id"
	ByCreated = "created_at"
	ByUpdated = "updated_at"
)

// Order is the order of a list. The zero Order is ascending by id.
type Order struct {
	By   string
	Desc bool
}

// ByTime reports whether the order is by a time and not by the id.
func (o Order) ByTime() bool { return o.By == ByCreated || o.By == ByUpdated }

// Place is where a resource stands in the order of a list.
type Place struct {
	At time.Time // the time that the list is ordered by, in microseconds; zero in the order of ids
	ID int64     // 0..2^53-1
}

// Compare compares two places in the order: it is negative if a comes first.
func (o Order) Compare(a, b Place) int {
	c := cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	if o.Desc {
		return -c
	}
	return c
}

// Options select a page. A query embeds them beside its filters.
type Options struct {
	Owner        string    // only resources of this owner; "" for all
	UpdatedSince time.Time // only resources updated then or later; zero for all
	Order        Order
	After        *Place // nil for the first page
	Limit        int    // at least 1
	Total        bool   // whether to count all matching resources
	// At is the time of the Head of the first page. A store that keeps earlier
	// states reads the page from that of At, for as long as it has it. Zero: the
	// newest state.
	At time.Time
}

// PageOptions returns o, so that generic code can set the options of any query.
func (o *Options) PageOptions() *Options { return o }

// Query is a pointer to a query Q, which embeds Options.
type Query[Q any] interface {
	*Q
	PageOptions() *Options
}

// latest is the latest time that every database takes.
var latest = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Start returns the place after which the page begins, and the options without
// the filter that the place stands for: in the ascending order of updates, that
// is UpdatedSince.
func (o *Options) Start() (start Place, rest Options) {
	rest = *o
	switch {
	case o.After != nil:
		start = *o.After
	case o.Order.Desc:
		start = Place{latest, math.MaxInt64}
	}
	if o.Order == (Order{By: ByUpdated}) {
		if start.At.Before(o.UpdatedSince) {
			start = Place{o.UpdatedSince.Add(-time.Microsecond), math.MaxInt64}
		}
		rest.UpdatedSince = time.Time{}
	}
	return start, rest
}

// Place returns the place of a resource.
func (o Order) Place(id int64, created, updated time.Time) Place {
	switch o.By {
	case ByCreated:
		return Place{created, id}
	case ByUpdated:
		return Place{updated, id}
	}
	return Place{ID: id}
}

// Page is a part of a list.
type Page[T any] struct {
	Items []T
	// Next is the place after which the next page begins; nil if this is the
	// last page. A page that is not the last one may have fewer resources than
	// Options.Limit, even none.
	Next  *Place
	Total *Total // nil unless Options.Total
	// Head is a position of the event log from before the first page was read: a
	// reader who reads all pages and then the events after Head misses nothing.
	// It is zero on later pages.
	Head Position
}

// Total is the number of resources on all pages, counted at about the same
// moment as the page.
type Total struct {
	Count int64
	Exact bool // otherwise there are at least Count
}

// Position is a place between two events in the order in which an event log is
// read. The zero Position is before the oldest event.
type Position struct {
	// Time is the latest time at which the position is known to have been the
	// end of the log.
	Time time.Time
	// Place identifies the position. Its format belongs to the adapter of the log.
	Place string
}

// From yields the items of first, and of all pages after it. next returns the
// page after a place. An error of next is the last value that From yields.
func From[T any](first Page[T], next func(after Place) (Page[T], error)) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		for page := first; yield(page.Items, nil) && page.Next != nil; {
			var err error
			if page, err = next(*page.Next); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}
