package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func one(n int64) *app.Range { return &app.Range{Min: n, Max: n} }

func idsOf(audios []domain.Audio) (ids []int64) {
	for _, a := range audios {
		ids = append(ids, a.SessionID)
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
func listAll(t *testing.T, b Backend, q app.Query) (all []domain.Audio) {
	t.Helper()
	for {
		page, err := b.List(t.Context(), q)
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		all = append(all, page.Items...)
		if len(page.Items) > q.Limit || (page.Total != nil) != q.Total {
			t.Fatalf("a page of %d with %d audios, total %v", q.Limit, len(page.Items), page.Total)
		}
		if page.Next == nil {
			return all
		}
		q.After = page.Next
	}
}

func testFilters(t *testing.T, b Backend) {
	account := newID()
	first, two, three := newAudio(), newAudio(), newAudio()
	first.AccountID, first.SelectedTick, first.StepCount = &account, 0, 1
	two.AccountID, two.SelectedTick, two.StepCount = &account, 14, 1
	three.AccountID, three.SelectedTick, three.StepCount = nil, 0, 1
	two.UpdatedAt = epoch.Add(time.Microsecond)
	in := func(ids ...int64) []int64 { return slices.Sorted(slices.Values(ids)) }
	all := in(first.SessionID, two.SessionID, three.SessionID)
	owned := in(first.SessionID, two.SessionID)
	mustCreate(t, b, first)
	mustCreate(t, b, two)
	mustCreate(t, b, three)
	between := func(low, high int64) *app.Range { return &app.Range{Min: low, Max: high} }
	for _, c := range []struct {
		name string
		q    app.Query
		want []int64
	}{
		{"session", app.Query{SessionID: one(three.SessionID)}, []int64{three.SessionID}},
		{"no session", app.Query{SessionID: one(-1)}, nil},
		{"sessions between", app.Query{SessionID: between(all[0], all[1]), SessionIDs: all}, all[:2]},
		{"no sessions between", app.Query{SessionID: between(all[1], all[0])}, nil},
		{"sessions from one on", app.Query{SessionID: between(all[1], math.MaxInt64), SessionIDs: all}, all[1:]},
		{"account", app.Query{AccountID: one(account)}, owned},
		{"accounts between", app.Query{AccountID: between(account-1, account+1)}, owned},
		{"account and selected tick", app.Query{AccountID: one(account), SelectedTick: one(14)}, []int64{two.SessionID}},
		{"account and ticks between", app.Query{AccountID: one(account), SelectedTick: between(3, 20)}, []int64{two.SessionID}},
		{"account and step count", app.Query{AccountID: one(account), StepCount: one(1)}, owned},
		{"account and another step count", app.Query{AccountID: one(account), StepCount: one(2)}, nil},
		{"account and updated since", app.Query{AccountID: one(account), Options: list.Options{UpdatedSince: two.UpdatedAt}}, []int64{two.SessionID}},
		{"another account", app.Query{AccountID: one(newID())}, nil},
		{"account after the first", app.Query{AccountID: one(account), Options: list.Options{After: &list.Place{ID: owned[0]}}}, owned[1:]},
		{"selected tick", app.Query{SelectedTick: one(0), SessionIDs: all}, in(first.SessionID, three.SessionID)},
		{"step count", app.Query{StepCount: one(1), SessionIDs: all}, all},
		{"selected tick and step count", app.Query{SelectedTick: one(14), StepCount: one(1), SessionIDs: all}, []int64{two.SessionID}},
		{"selected tick 15", app.Query{SelectedTick: one(15)}, nil},
		{"step counts from 10 on", app.Query{StepCount: between(10, math.MaxInt64)}, nil},
		{"ticks and steps of a session", app.Query{SelectedTick: between(0, 14), StepCount: between(0, 9), SessionID: between(all[0], all[0])}, all[:1]},
		{"everything", app.Query{
			SessionID:    one(first.SessionID),
			AccountID:    one(account),
			SelectedTick: one(0),
			StepCount:    one(1),
			SessionIDs:   all,
			Options:      list.Options{UpdatedSince: epoch},
		}, []int64{first.SessionID}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.q.Limit, c.q.Total = 10, true
			page, err := b.List(t.Context(), c.q)
			if err != nil {
				t.Fatalf("List: %v", err)
			}
			if diff := gocmp.Diff(c.want, idsOf(page.Items)); diff != "" {
				t.Errorf("session ids (-want +got):\n%s", diff)
			}
			if total := (list.Total{Count: int64(len(c.want)), Exact: true}); c.q.After == nil && *page.Total != total {
				t.Errorf("total %v, want %v", *page.Total, total)
			}
		})
	}
	page, err := b.List(t.Context(), app.Query{SessionID: one(first.SessionID), Options: list.Options{Limit: 1}})
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	if diff := gocmp.Diff([]domain.Audio{first}, page.Items); diff != "" {
		t.Errorf("listed audio (-want +got):\n%s", diff)
	}
}

func testIDs(t *testing.T, b Backend) {
	one, two := mustCreate(t, b, newAudio()), mustCreate(t, b, newAudio())
	got := listed(t, b, app.Query{SessionIDs: []int64{two.SessionID, newID(), one.SessionID, one.SessionID}, Options: list.Options{Limit: 10}})
	if diff := gocmp.Diff([]int64{min(one.SessionID, two.SessionID), max(one.SessionID, two.SessionID)}, got); diff != "" {
		t.Errorf("session ids (-want +got):\n%s", diff)
	}
}

var orders = []list.Order{
	{}, {By: list.ByID, Desc: true}, {By: list.ByCreated}, {By: list.ByCreated, Desc: true}, {By: list.ByUpdated}, {By: list.ByUpdated, Desc: true},
}

// testOrders lists seven audios by every kind of filter in every order. If a
// filter also matches audios of other tests, all are on one page.
func testOrders(t *testing.T, b Backend) {
	account := newID()
	from := time.UnixMicro(rand.Int64N(1 << 50)).UTC()
	var all []domain.Audio
	for i := range 7 {
		a := newAudioOf(account)
		a.SelectedTick, a.StepCount = 5+i%2, 2+i%3
		a.CreatedAt = from.Add(time.Duration(i) * time.Microsecond)
		a.UpdatedAt = from.Add(time.Duration(i*5%7) * time.Microsecond)
		mustCreate(t, b, a)
		all = append(all, a)
	}
	ids := slices.Sorted(slices.Values(idsOf(all)))
	tick, step := &app.Range{Min: 6, Max: 6}, &app.Range{Min: 3, Max: 4}
	for _, order := range orders {
		for filter, q := range map[string]app.Query{
			"account": {AccountID: one(account)}, "accounts": {AccountID: &app.Range{Min: account - 1, Max: account + 1}}, "ids": {SessionIDs: ids},
			"account and updates": {AccountID: one(account), Options: list.Options{UpdatedSince: from.Add(3 * time.Microsecond)}},
			"account, tick, step": {AccountID: one(account), SelectedTick: tick, StepCount: step},
			"updates":             {Options: list.Options{UpdatedSince: from.Add(3 * time.Microsecond)}}, "tick": {SelectedTick: tick}, "steps": {StepCount: step},
			"tick and steps": {SelectedTick: tick, StepCount: step}, "steps and updates": {StepCount: step, Options: list.Options{UpdatedSince: from}},
			"steps of sessions": {StepCount: step, SessionID: &app.Range{Min: ids[1], Max: ids[5]}},
			"sessions":          {SessionID: &app.Range{Min: ids[1], Max: ids[5]}}, "none": {},
		} {
			t.Run(fmt.Sprintf("%s by %v", filter, order), func(t *testing.T) {
				q.Order = order
				want := expected(all, q)
				limits := []int{1, 3, 7, 1000}
				if q.AccountID == nil && q.SessionIDs == nil {
					limits = []int{50, 1000}
				}
				for _, limit := range limits {
					q.Limit = limit
					got := slices.DeleteFunc(listAll(t, b, q), func(a domain.Audio) bool { return !slices.Contains(ids, a.SessionID) })
					if diff := gocmp.Diff(want, got); diff != "" {
						t.Errorf("in pages of %d (-want +got):\n%s", limit, diff)
					}
				}
			})
		}
	}
}

// expected returns the elements of audios that match q, in its order.
func expected(audios []domain.Audio, q app.Query) []domain.Audio {
	in := func(r *app.Range, n int64) bool { return r == nil || (r.Min <= n && n <= r.Max) }
	var want []domain.Audio
	for _, a := range audios {
		if (q.Owner == "" || q.Owner == a.Owner) && in(q.SessionID, a.SessionID) && in(q.SelectedTick, int64(a.SelectedTick)) && in(q.StepCount, int64(a.StepCount)) && !a.UpdatedAt.Before(q.UpdatedSince) {
			want = append(want, a)
		}
	}
	slices.SortFunc(want, func(x, y domain.Audio) int {
		p, r := resource.PlaceOf(x, q.Order), resource.PlaceOf(y, q.Order)
		c := cmp.Or(p.At.Compare(r.At), cmp.Compare(p.ID, r.ID))
		if q.Order.Desc {
			return -c
		}
		return c
	})
	return want
}

func testEqualTimes(t *testing.T, b Backend) {
	account := newID()
	var want []int64
	for range 5 {
		want = append(want, mustCreate(t, b, newAudioOf(account)).SessionID)
	}
	slices.Sort(want)
	for _, order := range orders {
		got := idsOf(listAll(t, b, app.Query{AccountID: one(account), Options: list.Options{Order: order, Limit: 2, Total: true}}))
		if order.Desc {
			slices.Reverse(got)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("by %v (-want +got):\n%s", order, diff)
		}
	}
}

// testPagesAtOnce reads lists in pages while others create, change and delete
// audios, including some that exist throughout.
func testPagesAtOnce(t *testing.T, b Backend) {
	const stable, writes = 12, 12
	account := newID()
	var sessions []domain.Session
	for i := range stable {
		a := newAudioOf(account)
		a.CreatedAt = epoch.Add(time.Duration(i) * time.Second)
		a.UpdatedAt = a.CreatedAt
		sessions = append(sessions, mustCreate(t, b, a).Session)
	}
	for _, order := range orders[:5] {
		t.Run(fmt.Sprintf("by %v", order), func(t *testing.T) {
			var wg sync.WaitGroup
			defer wg.Wait()
			for range 3 {
				wg.Go(func() {
					for range writes {
						if err := writeAmong(t.Context(), b, account, sessions); err != nil {
							t.Error(err)
						}
					}
				})
			}
			seen := map[int64]int{}
			for _, a := range listAll(t, b, app.Query{AccountID: one(account), Options: list.Options{Order: order, Limit: 2}}) {
				seen[a.SessionID]++
			}
			wg.Wait()
			for _, s := range sessions {
				if n := seen[s.SessionID]; n < 1 || (order.By != list.ByUpdated && n > 1) {
					t.Errorf("session %d was listed %d times", s.SessionID, n)
				}
			}
		})
	}
}

// writeAmong creates an audio of that account, changes one of sessions, and
// deletes the created audio.
func writeAmong(ctx context.Context, b Backend, account int64, sessions []domain.Session) error {
	a := newAudioOf(account)
	a.CreatedAt = epoch.Add(time.Duration(rand.IntN(12)) * time.Second)
	if _, err := create(ctx, b, a); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if _, err := update(ctx, b, sessions[rand.IntN(len(sessions))], func(a *domain.Audio) {
		a.StepCount = 9 - a.StepCount
		if now := time.Now().UTC().Truncate(time.Microsecond); now.After(a.UpdatedAt) { // as the domain does
			a.UpdatedAt = now
		}
	}); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return b.Delete(ctx, a.SessionID, deletion)
}
