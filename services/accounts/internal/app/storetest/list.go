package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

func idsOf(accounts []domain.Account) (ids []int64) {
	for _, a := range accounts {
		ids = append(ids, a.ID)
	}
	return ids
}

func listed(t *testing.T, b Backend, q app.Query) (ids []int64) {
	t.Helper()
	page, err := b.List(t.Context(), q)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	return idsOf(page.Items)
}

// listAll returns the items of all pages of a list, and checks the lengths of
// the pages.
func listAll(t *testing.T, b Backend, q app.Query) (all []domain.Account) {
	t.Helper()
	for {
		page, err := b.List(t.Context(), q)
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		all = append(all, page.Items...)
		if len(page.Items) > q.Limit || (page.Total != nil) != q.Total {
			t.Fatalf("a page of %d with %d accounts, total %v", q.Limit, len(page.Items), page.Total)
		}
		if page.Next == nil {
			return all
		}
		q.After = page.Next
	}
}

func mustCreate(t *testing.T, b Backend, a domain.Account) {
	t.Helper()
	if _, err := b.Create(t.Context(), a, event(events.AccountCreatedV1, a.ID, 1), idempotency.Request{}); err != nil {
		t.Fatalf("Create: %v", err)
	}
}

func testFilters(t *testing.T, b Backend) {
	one, two := newAccount(), newAccount()
	two.Name, two.UpdatedAt = one.Name, epoch.Add(time.Microsecond)
	mustCreate(t, b, one)
	mustCreate(t, b, two)
	both := []int64{min(one.ID, two.ID), max(one.ID, two.ID)}
	other, empty := "x"+one.Name, ""
	for _, c := range []struct {
		name string
		q    app.Query
		want []int64
	}{
		{"name", app.Query{Name: &one.Name}, both},
		{"name and address", app.Query{Name: &one.Name, Address: &two.Address}, []int64{two.ID}},
		{"no name, but an address", app.Query{Name: &empty, Address: &two.Address}, nil},
		{"e-mail", app.Query{Email: &one.Email}, []int64{one.ID}},
		{"e-mail and name", app.Query{Email: &one.Email, Name: &two.Name}, []int64{one.ID}},
		{"e-mail of one, address of the other", app.Query{Email: &one.Email, Address: &two.Address}, nil},
		{"all", app.Query{Email: &two.Email, Address: &two.Address, Name: &two.Name, IDs: both, Options: list.Options{UpdatedSince: epoch}}, []int64{two.ID}},
		{"another name", app.Query{Name: &other}, nil},
		{"name after the first", app.Query{Name: &one.Name, Options: list.Options{After: &list.Place{ID: both[0]}}}, both[1:]},
		{"name and one id", app.Query{Name: &one.Name, IDs: both[1:]}, both[1:]},
		{"updated since", app.Query{IDs: both, Options: list.Options{UpdatedSince: two.UpdatedAt}}, []int64{two.ID}},
		{"updated since both", app.Query{Name: &one.Name, Options: list.Options{UpdatedSince: epoch}}, both},
		{"updated since neither", app.Query{Address: &one.Address, Options: list.Options{UpdatedSince: two.UpdatedAt.Add(time.Microsecond)}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.q.Limit, c.q.Total = 10, true
			page, err := b.List(t.Context(), c.q)
			if err != nil {
				t.Fatalf("List: %v", err)
			}
			if diff := gocmp.Diff(c.want, idsOf(page.Items)); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
			if total := (list.Total{Count: int64(len(c.want)), Exact: true}); c.q.After == nil && *page.Total != total {
				t.Errorf("total %v, want %v", *page.Total, total)
			}
		})
	}
}

func testIDs(t *testing.T, b Backend) {
	one, two, missing := create(t, b), create(t, b), newAccount()
	got := listed(t, b, app.Query{IDs: []int64{two.ID, missing.ID, one.ID, one.ID}, Options: list.Options{Limit: 10}})
	if diff := gocmp.Diff([]int64{min(one.ID, two.ID), max(one.ID, two.ID)}, got); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

var orders = []list.Order{
	{}, {By: list.ByID, Desc: true}, {By: list.ByCreated}, {By: list.ByCreated, Desc: true}, {By: list.ByUpdated}, {By: list.ByUpdated, Desc: true},
}

func testOrders(t *testing.T, b Backend) {
	name, address := newAccount().Name, "12 "+newAccount().Name
	// No other account of this run has such a time.
	from := time.UnixMicro(rand.Int64N(1 << 50)).UTC()
	var all []domain.Account
	var ids []int64
	for i := range 7 {
		a := newAccount()
		a.Name, a.Address = name, address
		a.CreatedAt = from.Add(time.Duration(i) * time.Microsecond)
		a.UpdatedAt = from.Add(time.Duration(i*5%7) * time.Microsecond)
		mustCreate(t, b, a)
		all, ids = append(all, a), append(ids, a.ID)
	}
	for _, order := range orders {
		for filter, q := range map[string]app.Query{
			"name": {Name: &name}, "address": {Address: &address}, "ids": {IDs: ids},
			"name and updates": {Name: &name, Options: list.Options{UpdatedSince: from.Add(3 * time.Microsecond)}},
			"updates":          {Options: list.Options{UpdatedSince: from.Add(3 * time.Microsecond)}}, "none": {},
		} {
			t.Run(fmt.Sprintf("%s by %v", filter, order), func(t *testing.T) {
				q.Order = order
				want := inOrder(slices.DeleteFunc(slices.Clone(all), func(a domain.Account) bool { return a.UpdatedAt.Before(q.UpdatedSince) }), q)
				for _, limit := range []int{1, 3, 7, 1000} {
					if q.Limit = limit; (filter == "none" || filter == "updates") && limit < 7 {
						continue // accounts of other tests
					}
					got := slices.DeleteFunc(listAll(t, b, q), func(a domain.Account) bool { return !slices.Contains(ids, a.ID) })
					if diff := gocmp.Diff(want, got); diff != "" {
						t.Errorf("in pages of %d (-want +got):\n%s", limit, diff)
					}
				}
			})
		}
	}
}

// inOrder sorts accounts in the order of q.
func inOrder(accounts []domain.Account, q app.Query) []domain.Account {
	slices.SortFunc(accounts, func(x, y domain.Account) int {
		p, r := resource.PlaceOf(x, q.Order), resource.PlaceOf(y, q.Order)
		c := cmp.Or(p.At.Compare(r.At), cmp.Compare(p.ID, r.ID))
		if q.Order.Desc {
			return -c
		}
		return c
	})
	return accounts
}

func testEqualTimes(t *testing.T, b Backend) {
	name := newAccount().Name
	var want []int64
	for range 5 {
		a := newAccount()
		a.Name = name
		mustCreate(t, b, a)
		want = append(want, a.ID)
	}
	slices.Sort(want)
	for _, order := range orders {
		got := idsOf(listAll(t, b, app.Query{Name: &name, Options: list.Options{Order: order, Limit: 2, Total: true}}))
		if order.Desc {
			slices.Reverse(got)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("by %v (-want +got):\n%s", order, diff)
		}
	}
}

// testPagesAtOnce reads lists in pages while others create, change and delete
// accounts, including some that exist throughout.
func testPagesAtOnce(t *testing.T, b Backend) {
	const stable, writes = 12, 12
	name := newAccount().Name
	var ids []int64
	for i := range stable {
		a := newAccount()
		a.Name = name
		a.CreatedAt = epoch.Add(time.Duration(i) * time.Second)
		a.UpdatedAt = a.CreatedAt
		mustCreate(t, b, a)
		ids = append(ids, a.ID)
	}
	for _, order := range orders[:5] {
		t.Run(fmt.Sprintf("by %v", order), func(t *testing.T) {
			var wg sync.WaitGroup
			defer wg.Wait()
			for range 3 {
				wg.Go(func() {
					for range writes {
						if err := writeAmong(t.Context(), b, name, ids); err != nil {
							t.Error(err)
						}
					}
				})
			}
			seen := map[int64]int{}
			for _, a := range listAll(t, b, app.Query{Name: &name, Options: list.Options{Order: order, Limit: 2}}) {
				seen[a.ID]++
			}
			wg.Wait()
			for _, id := range ids {
				if seen[id] < 1 || (order.By != list.ByUpdated && seen[id] > 1) {
					t.Errorf("account %d was listed %d times", id, seen[id])
				}
			}
		})
	}
}

// writeAmong creates an account with that name, changes one of ids, and deletes
// the created account.
func writeAmong(ctx context.Context, b Backend, name string, ids []int64) error {
	a := newAccount()
	a.Name, a.CreatedAt = name, epoch.Add(time.Duration(rand.IntN(12))*time.Second)
	if _, err := b.Create(ctx, a, event(events.AccountCreatedV1, a.ID, 1), idempotency.Request{}); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if _, err := update(ctx, b, ids[rand.IntN(len(ids))], func(a *domain.Account) {
		a.Address += "."
		if now := time.Now().UTC().Truncate(time.Microsecond); now.After(a.UpdatedAt) { // as the domain does
			a.UpdatedAt = now
		}
	}); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return remove(ctx, b, a.ID)
}
