package storetest

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/list/listtest"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

type lists = listtest.Suite[domain.Audio, app.Query, *app.Query]

// onLists returns a test that runs one of the lists of a backend.
func onLists(run func(*lists, *testing.T)) func(*testing.T, Backend) {
	return func(t *testing.T, b Backend) { run(newLists(b), t) }
}

// newLists returns the suite of lists. Its groups are the sessions of an account.
func newLists(b Backend) *lists {
	return &lists{
		List: b.List, Log: b.Log, Subject: app.Subject,
		ByIDs:  func(ids []int64) app.Query { return app.Query{SessionIDs: ids} },
		Remove: func(ctx context.Context, id int64) error { return b.Delete(ctx, id, deletion) },
		NewGroup: func() listtest.Group[domain.Audio, app.Query] {
			account := newID()
			return listtest.Group[domain.Audio, app.Query]{
				Query: app.Query{AccountID: one(account)},
				Create: func(ctx context.Context, created, updated time.Time) (domain.Audio, error) {
					a := newAudioOf(account)
					a.CreatedAt, a.UpdatedAt = created, updated
					return create(ctx, b, a)
				},
				Update: func(ctx context.Context, of domain.Audio) error {
					_, err := update(ctx, b, of.Session, func(a *domain.Audio) {
						a.StepCount = 9 - a.StepCount
						a.UpdatedAt = a.Next(time.Now().UTC().Truncate(time.Microsecond)).UpdatedAt
					})
					return err
				},
			}
		},
	}
}

func one(n int64) *app.Range { return &app.Range{Min: n, Max: n} }

func listed(t *testing.T, b Backend, q app.Query) (ids []int64) {
	t.Helper()
	page, err := b.List(t.Context(), q)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	for _, a := range page.Items {
		ids = append(ids, a.SessionID)
	}
	return ids
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
		t.Run(c.name, func(t *testing.T) { newLists(b).Want(t, c.q, c.want) })
	}
	page, err := b.List(t.Context(), app.Query{SessionID: one(first.SessionID), Options: list.Options{Limit: 1}})
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	if diff := gocmp.Diff([]domain.Audio{first}, page.Items); diff != "" {
		t.Errorf("listed audio (-want +got):\n%s", diff)
	}
}

// matches reports whether an audio has the session, the tick, the step, the owner
// and the time of a query.
func matches(a domain.Audio, q app.Query) bool {
	in := func(r *app.Range, n int64) bool { return r == nil || (r.Min <= n && n <= r.Max) }
	return in(q.SessionID, a.SessionID) && in(q.SelectedTick, int64(a.SelectedTick)) && in(q.StepCount, int64(a.StepCount)) &&
		(q.Owner == "" || q.Owner == a.Owner) && !a.UpdatedAt.Before(q.UpdatedSince)
}

// testOrders lists seven audios by every kind of filter in every order. If a
// filter also matches audios of other tests, all are on one page.
func testOrders(t *testing.T, b Backend) {
	account := newID()
	from := time.UnixMicro(rand.Int64N(1 << 50)).UTC()
	var all []domain.Audio
	var ids []int64
	for i := range 7 {
		a := newAudioOf(account)
		a.SelectedTick, a.StepCount = 5+i%2, 2+i%3
		a.CreatedAt = from.Add(time.Duration(i) * time.Microsecond)
		a.UpdatedAt = from.Add(time.Duration(i*5%7) * time.Microsecond)
		mustCreate(t, b, a)
		all, ids = append(all, a), append(ids, a.SessionID)
	}
	slices.Sort(ids)
	tick, step := &app.Range{Min: 6, Max: 6}, &app.Range{Min: 3, Max: 4}
	newLists(b).InOrders(t, all, map[string]app.Query{
		"account": {AccountID: one(account)}, "accounts": {AccountID: &app.Range{Min: account - 1, Max: account + 1}}, "ids": {SessionIDs: ids},
		"account and updates": {AccountID: one(account), Options: list.Options{UpdatedSince: from.Add(3 * time.Microsecond)}},
		"account, tick, step": {AccountID: one(account), SelectedTick: tick, StepCount: step},
		"updates":             {Options: list.Options{UpdatedSince: from.Add(3 * time.Microsecond)}}, "tick": {SelectedTick: tick}, "steps": {StepCount: step},
		"tick and steps": {SelectedTick: tick, StepCount: step}, "steps and updates": {StepCount: step, Options: list.Options{UpdatedSince: from}},
		"steps of sessions": {StepCount: step, SessionID: &app.Range{Min: ids[1], Max: ids[5]}},
		"sessions":          {SessionID: &app.Range{Min: ids[1], Max: ids[5]}}, "none": {},
	}, matches, func(q app.Query) []int {
		if q.AccountID == nil && q.SessionIDs == nil {
			return []int{50, 1000} // audios of other tests are listed, too
		}
		return []int{1, 3, 7, 1000}
	})
}
