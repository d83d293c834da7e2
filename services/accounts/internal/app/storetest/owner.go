package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// testOwner checks that an owner is kept, and that neither a change nor a batch
// loses it.
func testOwner(t *testing.T, b Backend) {
	a := newAccount()
	a.Owner = "https://issuer.example|Zoë"
	mustCreate(t, b, a)
	want(t, b, a)
	next, err := update(t.Context(), b, a.ID, func(a *domain.Account) { a.Name = "x" })
	if err != nil || next.Owner != a.Owner {
		t.Fatalf("Update = %+v, %v", next, err)
	}
	want(t, b, next)
	other := newAccount()
	other.Owner = "key:b"
	once := newOnce("owner")
	for range 2 {
		got, err := createAll(t, b, once, other)
		wantOutcomes(t, got, err, added(other))
	}
	want(t, b, other)
}

// testListOfOwner lists the accounts of an owner by every kind of filter, in
// every order and in pages. Others have accounts that the filters match, too.
func testListOfOwner(t *testing.T, b Backend) {
	owner := fmt.Sprintf("key:%d", newAccount().ID)
	name, address := newAccount().Name, "12 "+newAccount().Name
	var all []domain.Account
	var ids []int64
	for i := range 12 {
		a := newAccount()
		a.Name, a.Address = name, address
		a.CreatedAt = epoch.Add(time.Duration(i) * time.Microsecond)
		a.UpdatedAt = epoch.Add(time.Duration(i*5%12) * time.Microsecond)
		a.Owner = []string{owner, "", owner + "x"}[i%3]
		mustCreate(t, b, a)
		all, ids = append(all, a), append(ids, a.ID)
	}
	since := list.Options{UpdatedSince: epoch.Add(4 * time.Microsecond)}
	queries := map[string]app.Query{
		"none": {}, "name": {Name: &name}, "address": {Address: &address}, "ids": {IDs: ids},
		"updates": {Options: since}, "name and updates": {Name: &name, Options: since}, "e-mail": {Email: &all[3].Email},
	}
	for name, q := range queries {
		q.Owner, q.Total = owner, true
		queries[name] = q
	}
	newLists(b).InOrders(t, all, queries, matches, func(app.Query) []int { return []int{3} })
}
