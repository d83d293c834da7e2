package listtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/resource"
)

// Suite tests the lists of a store of resources T, which may contain other
// resources. Its tests may run in any order.
type Suite[T resource.Resource, Q any, P list.Query[Q]] struct {
	List     func(ctx context.Context, q Q) (list.Page[T], error)
	Log      eventlog.Reader
	Subject  func(id int64) string
	ByIDs    func(ids []int64) Q // selects resources by their ids
	NewGroup func() Group[T, Q]
	Remove   func(ctx context.Context, id int64) error
}

// Group is a group of resources that one filter selects. It is empty at first.
type Group[T, Q any] struct {
	Query Q
	// Create adds a resource to the group, with these times.
	Create func(ctx context.Context, created, updated time.Time) (T, error)
	// Update changes a resource now, but not its group.
	Update func(ctx context.Context, of T) error
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)

// fill adds n resources to a group, which are pause apart, and returns them.
func (g Group[T, Q]) fill(t *testing.T, n int, pause time.Duration) (all []T) {
	t.Helper()
	for i := range n {
		at := epoch.Add(time.Duration(i) * pause)
		a, err := g.Create(t.Context(), at, at)
		if err != nil {
			t.Fatalf("Create: %v", err)
		}
		all = append(all, a)
	}
	return all
}

func keys[T resource.Resource](all []T) (ids []int64) {
	for _, a := range all {
		ids = append(ids, a.Key())
	}
	return ids
}

// with returns q after set has changed its options.
func (s *Suite[T, Q, P]) with(q Q, set func(*list.Options)) Q {
	set(P(&q).PageOptions())
	return q
}

func (s *Suite[T, Q, P]) page(t *testing.T, q Q) list.Page[T] {
	t.Helper()
	page, err := s.List(t.Context(), q)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	return page
}

// All returns the items of all pages of a list, and checks the lengths of the
// pages.
func (s *Suite[T, Q, P]) All(t *testing.T, q Q) (all []T) {
	t.Helper()
	o := P(&q).PageOptions()
	for {
		page := s.page(t, q)
		all = append(all, page.Items...)
		if len(page.Items) > o.Limit || (page.Total != nil) != o.Total {
			t.Fatalf("a page of %d with %d items, total %v", o.Limit, len(page.Items), page.Total)
		}
		if page.Next == nil {
			return all
		}
		o.After = page.Next
	}
}

// Want checks that the only page of a list has the resources ids, in the order of
// ids, and their number as its total.
func (s *Suite[T, Q, P]) Want(t *testing.T, q Q, ids []int64) {
	t.Helper()
	q = s.with(q, func(o *list.Options) { o.Limit, o.Total = 10, true })
	page := s.page(t, q)
	if diff := gocmp.Diff(ids, keys(page.Items)); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if total := (list.Total{Count: int64(len(ids)), Exact: true}); P(&q).PageOptions().After == nil && *page.Total != total {
		t.Errorf("total %v, want %v", *page.Total, total)
	}
}

// IDs lists resources by their ids, of which one does not exist and one is given
// twice.
func (s *Suite[T, Q, P]) IDs(t *testing.T) {
	all := s.NewGroup().fill(t, 3, 0)
	ids := keys(all)
	if err := s.Remove(t.Context(), ids[2]); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	page := s.page(t, s.with(s.ByIDs([]int64{ids[1], ids[2], ids[0], ids[0]}), func(o *list.Options) { o.Limit = 10 }))
	if diff := gocmp.Diff([]int64{min(ids[0], ids[1]), max(ids[0], ids[1])}, keys(page.Items)); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

// InOrders lists resources by each of queries, which have names, in every order and
// in pages of each length of limits. It checks that those of all are listed that
// matches selects, and counted if the query asks for their total.
func (s *Suite[T, Q, P]) InOrders(t *testing.T, all []T, queries map[string]Q, matches func(a T, q Q) bool, limits func(q Q) []int) {
	ids := keys(all)
	for _, order := range Orders {
		for name, q := range queries {
			t.Run(fmt.Sprintf("%s by %v", name, order), func(t *testing.T) {
				want := slices.DeleteFunc(slices.Clone(all), func(a T) bool { return !matches(a, q) })
				slices.SortFunc(want, func(a, b T) int { return order.Compare(resource.PlaceOf(a, order), resource.PlaceOf(b, order)) })
				for _, limit := range limits(q) {
					q := s.with(q, func(o *list.Options) { o.Order, o.Limit = order, limit })
					got := slices.DeleteFunc(s.All(t, q), func(a T) bool { return !slices.Contains(ids, a.Key()) })
					if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
						t.Errorf("in pages of %d (-want +got):\n%s", limit, diff)
					}
					if !P(&q).PageOptions().Total {
						continue
					}
					if total := s.page(t, q).Total; total.Count != int64(len(want)) {
						t.Errorf("total %v, want %d", total, len(want))
					}
				}
			})
		}
	}
}

// EqualTimes lists resources of one time.
func (s *Suite[T, Q, P]) EqualTimes(t *testing.T) {
	g := s.NewGroup()
	want := slices.Sorted(slices.Values(keys(g.fill(t, 5, 0))))
	for _, order := range Orders {
		got := keys(s.All(t, s.with(g.Query, func(o *list.Options) { o.Order, o.Limit, o.Total = order, 2, true })))
		if order.Desc {
			slices.Reverse(got)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("by %v (-want +got):\n%s", order, diff)
		}
	}
}

// write adds a resource to a group, changes one of among, and deletes the first.
func (s *Suite[T, Q, P]) write(ctx context.Context, g Group[T, Q], among []T) error {
	at := epoch.Add(time.Duration(rand.IntN(12)) * time.Second)
	a, err := g.Create(ctx, at, at)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if err := g.Update(ctx, among[rand.IntN(len(among))]); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return s.Remove(ctx, a.Key())
}

// writers is how many write while lists are read.
const writers = 3

// writing calls write repeatedly from several goroutines. wait waits for their end.
func writing(t *testing.T, each int, write func() error) (wait func()) {
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if err := write(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	return wg.Wait
}

// PagesAtOnce reads lists in pages while others create, change and delete
// resources, including some that exist throughout.
func (s *Suite[T, Q, P]) PagesAtOnce(t *testing.T) {
	g := s.NewGroup()
	stable := g.fill(t, 12, time.Second)
	for _, order := range Orders[:5] { // in the descending order of updates, changes move resources to pages before
		t.Run(fmt.Sprintf("by %v", order), func(t *testing.T) {
			wait := writing(t, 12, func() error { return s.write(t.Context(), g, stable) })
			defer wait()
			seen := map[int64]int{}
			for _, a := range s.All(t, s.with(g.Query, func(o *list.Options) { o.Order, o.Limit = order, 2 })) {
				seen[a.Key()]++
			}
			wait()
			for _, id := range keys(stable) {
				if n := seen[id]; n < 1 || (order.By != list.ByUpdated && n > 1) {
					t.Errorf("resource %d was listed %d times", id, n)
				}
			}
		})
	}
}

// Head checks that the head of a list is at the end of the log, and that only the
// first page has one.
func (s *Suite[T, Q, P]) Head(t *testing.T) {
	g := s.NewGroup()
	none := s.page(t, s.with(g.Query, func(o *list.Options) { o.Limit = 1 }))
	ids := keys(g.fill(t, 2, 0))
	for _, order := range Orders {
		q := s.with(s.ByIDs(ids), func(o *list.Options) { o.Order, o.Limit, o.Total = order, 1, true })
		page := s.page(t, q)
		eventlogtest.Follow(t, s.Log, page.Head, func(e events.Event) { t.Errorf("by %v: after the head comes %s", order, e.ID()) })
		later := s.page(t, s.with(q, func(o *list.Options) { o.After = new(resource.PlaceOf(page.Items[0], order)) }))
		if len(later.Items) != 1 || later.Head != (list.Position{}) {
			t.Errorf("by %v: a later page has %d items and the head %v", order, len(later.Items), later.Head)
		}
	}
	var got []string
	eventlogtest.Follow(t, s.Log, none.Head, func(e events.Event) { got = append(got, e.Subject) })
	if len(got) != 2 {
		t.Errorf("after the head of an empty list come %q, want what was created since", got)
	}
}

// ListThenFollow reads lists in pages while others write, and then the events after
// their heads. The result must equal the final state, without a skipped version.
func (s *Suite[T, Q, P]) ListThenFollow(t *testing.T) {
	g := s.NewGroup()
	stable := g.fill(t, 12, 0)
	for _, order := range Orders {
		t.Run(fmt.Sprintf("by %v", order), func(t *testing.T) {
			q := s.with(g.Query, func(o *list.Options) { o.Order, o.Limit = order, 3 })
			wait := writing(t, 6, func() error {
				if _, err := g.Create(t.Context(), epoch, epoch); err != nil {
					return fmt.Errorf("create: %w", err)
				}
				return s.write(t.Context(), g, stable)
			})
			defer wait()
			head, got := s.versions(t, q)
			wait()
			_, want := s.versions(t, q)
			eventlogtest.WantFollowed(t, s.Log, head, got, want)
		})
	}
}

// HeadAtOnce repeatedly reads a list while others write. The events after each head
// include every change that the list does not contain.
func (s *Suite[T, Q, P]) HeadAtOnce(t *testing.T) {
	g := s.NewGroup()
	stable := g.fill(t, 12, 0)
	wait := writing(t, 40, func() error { return s.write(t.Context(), g, stable) })
	defer wait()
	ended := new(atomic.Bool)
	go func() { wait(); ended.Store(true) }()
	q := s.with(g.Query, func(o *list.Options) { o.Limit = 100 })
	type copied struct {
		head list.Position
		of   map[string]int64
	}
	var copies []copied
	for len(copies) == 0 || !ended.Load() {
		head, of := s.versions(t, q)
		copies = append(copies, copied{head, of})
	}
	_, want := s.versions(t, q)
	for i := 0; i < len(copies); i += 1 + len(copies)/100 {
		eventlogtest.WantFollowed(t, s.Log, copies[i].head, copies[i].of, want)
	}
}

// versions returns the head of a list, and the versions of its items by subject.
func (s *Suite[T, Q, P]) versions(t *testing.T, q Q) (head list.Position, of map[string]int64) {
	t.Helper()
	of = map[string]int64{}
	o := P(&q).PageOptions()
	for {
		page := s.page(t, q)
		if o.After == nil {
			head = page.Head
		}
		for _, a := range page.Items {
			subject := s.Subject(a.Key())
			of[subject] = max(a.Metadata().Version, of[subject])
		}
		if page.Next == nil {
			return head, of
		}
		o.After = page.Next
	}
}
