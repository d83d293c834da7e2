package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/services/accounts/internal/app"
)

// The head of a list is at the end of the log, and only the first page has one.
func testHead(t *testing.T, b Backend) {
	none, err := b.List(t.Context(), app.Query{IDs: []int64{newAccount().ID}, Options: list.Options{Limit: 1}})
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	ids := []int64{create(t, b).ID, create(t, b).ID}
	for _, order := range orders {
		q := app.Query{IDs: ids, Options: list.Options{Order: order, Limit: 1, Total: true}}
		page, err := b.List(t.Context(), q)
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		eventlogtest.Follow(t, b.Log, page.Head, func(e events.Event) { t.Errorf("by %v: after the head comes %s", order, e.ID()) })
		q.After = new(resource.PlaceOf(page.Items[0], q.Order))
		if later, err := b.List(t.Context(), q); err != nil || len(later.Items) != 1 || later.Head != (list.Position{}) {
			t.Errorf("by %v: a later page has %d items and the head %v, %v", order, len(later.Items), later.Head, err)
		}
	}
	var got []string
	eventlogtest.Follow(t, b.Log, none.Head, func(e events.Event) { got = append(got, e.Subject) })
	if len(got) != 2 {
		t.Errorf("after the head of an empty list come %q, want what was created since", got)
	}
}

// testListThenFollow reads lists in pages while others write, and then the
// events after their heads. The result must equal the final state, without a
// skipped version.
func testListThenFollow(t *testing.T, b Backend) {
	name := newAccount().Name
	var ids []int64
	for range 12 {
		a := newAccount()
		a.Name = name
		mustCreate(t, b, a)
		ids = append(ids, a.ID)
	}
	for _, order := range orders {
		t.Run(fmt.Sprintf("by %v", order), func(t *testing.T) {
			q := app.Query{Name: &name, Options: list.Options{Order: order, Limit: 3}}
			var wg sync.WaitGroup
			defer wg.Wait()
			for range 3 {
				wg.Go(func() {
					for range 6 {
						a := newAccount()
						a.Name = name
						if _, err := b.Create(t.Context(), a, event(events.AccountCreatedV1, a.ID, 1), idempotency.Request{}); err != nil {
							t.Errorf("Create: %v", err)
						}
						if err := writeAmong(t.Context(), b, name, ids); err != nil {
							t.Error(err)
						}
					}
				})
			}
			head, got := versions(t, b, q)
			wg.Wait()
			_, want := versions(t, b, q)
			eventlogtest.WantFollowed(t, b.Log, head, got, want)
		})
	}
}

// testHeadAtOnce repeatedly reads a list while others write. The events after
// each head include every change that the list does not contain.
func testHeadAtOnce(t *testing.T, b Backend) {
	name := newAccount().Name
	var ids []int64
	for range 12 {
		a := newAccount()
		a.Name = name
		mustCreate(t, b, a)
		ids = append(ids, a.ID)
	}
	writing, writers := new(atomic.Bool), new(sync.WaitGroup)
	writing.Store(true)
	defer writers.Wait()
	for range 3 {
		writers.Go(func() {
			for range 40 {
				if err := writeAmong(t.Context(), b, name, ids); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { writers.Wait(); writing.Store(false) }()
	q := app.Query{Name: &name, Options: list.Options{Limit: 100}}
	type copied struct {
		head list.Position
		of   map[string]int64
	}
	var copies []copied
	for len(copies) == 0 || writing.Load() {
		head, of := versions(t, b, q)
		copies = append(copies, copied{head, of})
	}
	_, want := versions(t, b, q)
	for i := 0; i < len(copies); i += 1 + len(copies)/100 {
		eventlogtest.WantFollowed(t, b.Log, copies[i].head, copies[i].of, want)
	}
}

// versions returns the head of a list, and the versions of its items by
// subject.
func versions(t *testing.T, b Backend, q app.Query) (head list.Position, of map[string]int64) {
	t.Helper()
	of = map[string]int64{}
	for {
		page, err := b.List(t.Context(), q)
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		if q.After == nil {
			head = page.Head
		}
		for _, a := range page.Items {
			of[app.Subject(a.ID)] = max(a.Version, of[app.Subject(a.ID)])
		}
		if page.Next == nil {
			return head, of
		}
		q.After = page.Next
	}
}
