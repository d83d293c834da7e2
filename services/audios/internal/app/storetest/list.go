package storetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/services/audios/internal/app"
)

func list(t *testing.T, b Backend, q app.Query) (ids []int64) {
	t.Helper()
	page, err := b.List(t.Context(), q)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	for _, a := range page {
		ids = append(ids, a.SessionID)
	}
	return ids
}

func testFilters(t *testing.T, b Backend) {
	account := newID()
	one, two, three := newAudio(), newAudio(), newAudio()
	one.AccountID, one.SelectedTick, one.StepCount = &account, 0, 1
	two.AccountID, two.SelectedTick, two.StepCount = &account, 14, 1
	three.AccountID, three.SelectedTick, three.StepCount = nil, 0, 1
	all := []int64{one.SessionID, two.SessionID, three.SessionID}
	slices.Sort(all)
	in := func(ids ...int64) []int64 { return slices.Sorted(slices.Values(ids)) }
	mustCreate(t, b, one)
	mustCreate(t, b, two)
	mustCreate(t, b, three)
	p := func(n int64) *int64 { return &n }
	for _, c := range []struct {
		name string
		q    app.Query
		want []int64
	}{
		{"session", app.Query{SessionID: &three.SessionID}, []int64{three.SessionID}},
		{"no session", app.Query{SessionID: p(-1)}, nil},
		{"account", app.Query{AccountID: &account}, in(one.SessionID, two.SessionID)},
		{"account and selected tick", app.Query{AccountID: &account, SelectedTick: p(14)}, []int64{two.SessionID}},
		{"account and step count", app.Query{AccountID: &account, StepCount: p(1)}, in(one.SessionID, two.SessionID)},
		{"account and another step count", app.Query{AccountID: &account, StepCount: p(2)}, nil},
		{"another account", app.Query{AccountID: p(newID())}, nil},
		{"account from the second on", app.Query{AccountID: &account, FromID: in(one.SessionID, two.SessionID)[1]}, in(one.SessionID, two.SessionID)[1:]},
		{"selected tick", app.Query{SelectedTick: p(0), SessionIDs: all}, in(one.SessionID, three.SessionID)},
		{"step count", app.Query{StepCount: p(1), SessionIDs: all}, all},
		{"selected tick and step count", app.Query{SelectedTick: p(14), StepCount: p(1), SessionIDs: all}, []int64{two.SessionID}},
		{"selected tick 15", app.Query{SelectedTick: p(15)}, nil},
		{"everything", app.Query{
			SessionID: &one.SessionID, AccountID: &account, SelectedTick: p(0), StepCount: p(1), SessionIDs: all,
		}, []int64{one.SessionID}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.q.Limit = 10
			if diff := cmp.Diff(c.want, list(t, b, c.q)); diff != "" {
				t.Errorf("session ids (-want +got):\n%s", diff)
			}
		})
	}
	page, err := b.List(t.Context(), app.Query{SessionID: &one.SessionID, Limit: 1})
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	if diff := cmp.Diff(one, page[0]); diff != "" {
		t.Errorf("listed audio (-want +got):\n%s", diff)
	}
}

func testPages(t *testing.T, b Backend) {
	account := newID()
	var all []int64
	for range 7 {
		a := newAudio()
		a.AccountID = &account
		mustCreate(t, b, a)
		all = append(all, a.SessionID)
	}
	slices.Sort(all)
	var got []int64
	for q := (app.Query{AccountID: &account, Limit: 3}); ; {
		page := list(t, b, q)
		got = append(got, page...)
		if len(page) < q.Limit {
			break
		}
		q.FromID = page[len(page)-1] + 1
	}
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("session ids of all pages (-want +got):\n%s", diff)
	}
	if page := list(t, b, app.Query{Limit: 5}); len(page) != 5 || !slices.IsSorted(page) {
		t.Errorf("a page without filters = %v, want 5 ids in order", page)
	}
}

func testIDs(t *testing.T, b Backend) {
	one, two := mustCreate(t, b, newAudio()), mustCreate(t, b, newAudio())
	got := list(t, b, app.Query{SessionIDs: []int64{two.SessionID, newID(), one.SessionID}, Limit: 10})
	if diff := cmp.Diff([]int64{min(one.SessionID, two.SessionID), max(one.SessionID, two.SessionID)}, got); diff != "" {
		t.Errorf("session ids (-want +got):\n%s", diff)
	}
}
