package storetest

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/list/listtest"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

type lists = listtest.Suite[domain.Account, app.Query, *app.Query]

// onLists returns a test that runs one of the lists of a backend.
func onLists(run func(*lists, *testing.T)) func(*testing.T, Backend) {
	return func(t *testing.T, b Backend) { run(newLists(b), t) }
}

// newLists returns the suite of lists. Its groups are the accounts of a name.
func newLists(b Backend) *lists {
	return &lists{
		List: b.List, Log: b.Log, Subject: app.Subject,
		ByIDs:  func(ids []int64) app.Query { return app.Query{IDs: ids} },
		Remove: func(ctx context.Context, id int64) error { return remove(ctx, b, id) },
		NewGroup: func() listtest.Group[domain.Account, app.Query] {
			name := newAccount().Name
			return listtest.Group[domain.Account, app.Query]{
				Query: app.Query{Name: &name},
				Create: func(ctx context.Context, created, updated time.Time) (domain.Account, error) {
					a := newAccount()
					a.Name, a.CreatedAt, a.UpdatedAt = name, created, updated
					return b.Create(ctx, a, event(events.AccountCreatedV1, a.ID, 1), idempotency.Request{})
				},
				Update: func(ctx context.Context, of domain.Account) error {
					_, err := update(ctx, b, of.ID, func(a *domain.Account) {
						a.Address += "."
						a.UpdatedAt = a.Next(time.Now().UTC().Truncate(time.Microsecond)).UpdatedAt
					})
					return err
				},
			}
		},
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
		t.Run(c.name, func(t *testing.T) { newLists(b).Want(t, c.q, c.want) })
	}
}

// matches reports whether an account has the e-mail, the owner and the time of a
// query.
func matches(a domain.Account, q app.Query) bool {
	return (q.Email == nil || a.Email == *q.Email) && (q.Owner == "" || a.Owner == q.Owner) && !a.UpdatedAt.Before(q.UpdatedSince)
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
	since := list.Options{UpdatedSince: from.Add(3 * time.Microsecond)}
	newLists(b).InOrders(t, all, map[string]app.Query{
		"name": {Name: &name}, "address": {Address: &address}, "ids": {IDs: ids},
		"name and updates": {Name: &name, Options: since}, "updates": {Options: since}, "none": {},
	}, matches, func(q app.Query) []int {
		if q.Name == nil && q.Address == nil && q.IDs == nil {
			return []int{7, 1000} // accounts of other tests are listed, too
		}
		return []int{1, 3, 7, 1000}
	})
}
