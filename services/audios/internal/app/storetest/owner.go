package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// testOwner checks that an owner is kept, and that neither a change nor a batch
// loses it.
func testOwner(t *testing.T, b Backend) {
	a := newAudio()
	a.Owner = "https://issuer.example|Zoë"
	want(t, b, mustCreate(t, b, a))
	next, err := update(t.Context(), b, a.Session, func(a *domain.Audio) { a.StepCount = 1 })
	if err != nil || next.Owner != a.Owner {
		t.Fatalf("Update = %+v, %v", next, err)
	}
	want(t, b, next)
	other := newAudio()
	other.Owner = "key:b"
	once := newOnce("owner")
	for range 2 {
		got, err := createAll(t, b, once, other)
		wantOutcomes(t, got, err, created(other))
	}
	want(t, b, other)
}

// testListOfOwner lists the audios of an owner by every kind of filter, in every
// order and in pages. Others have audios that the filters match, too.
func testListOfOwner(t *testing.T, b Backend) {
	account := newID()
	owner := fmt.Sprintf("key:%d", account)
	var all []domain.Audio
	var ids []int64
	for i := range 12 {
		a := newAudioOf(account)
		a.SelectedTick, a.StepCount = 5+i%2, 2+i%4
		a.CreatedAt = epoch.Add(time.Duration(i) * time.Microsecond)
		a.UpdatedAt = epoch.Add(time.Duration(i*5%12) * time.Microsecond)
		a.Owner = []string{owner, "", owner + "x"}[i%3]
		all = append(all, mustCreate(t, b, a))
		ids = append(ids, a.SessionID)
	}
	slices.Sort(ids)
	tick, step := &app.Range{Min: 6, Max: 6}, &app.Range{Min: 3, Max: 4}
	queries := map[string]app.Query{
		"none": {}, "account": {AccountID: one(account)}, "ids": {SessionIDs: ids}, "sessions": {SessionID: &app.Range{Min: ids[2], Max: ids[9]}},
		"session": {SessionID: one(ids[3])}, "updates": {Options: list.Options{UpdatedSince: epoch.Add(4 * time.Microsecond)}},
		"tick": {SelectedTick: tick}, "steps": {StepCount: step}, "tick and steps": {SelectedTick: tick, StepCount: step},
	}
	for name, q := range queries {
		q.Owner, q.Total = owner, true
		queries[name] = q
	}
	newLists(b).InOrders(t, all, queries, matches, func(app.Query) []int { return []int{3} })
}

// testAccountsOfOwner writes sessions that may have the accounts of one owner
// only.
func testAccountsOfOwner(t *testing.T, b Backend) {
	mine, others, gone := newID(), newID(), newID()
	owner := fmt.Sprintf("key:%d", mine)
	for account, owner := range map[int64]string{mine: owner, others: owner + "x", gone: owner} {
		for range 2 { // idempotent
			addAccounts(t, b, map[int64]string{account: owner})
		}
	}
	removeAccount(t, b, gone, 1, 0)
	addAccounts(t, b, map[int64]string{gone: owner}) // delivered again
	write := func(account *int64) (single, batch, change error) {
		a, c, old := newAudio(), newAudio(), mustCreate(t, b, newAudio())
		a.AccountID, c.AccountID = account, account
		decide := func(_ int, last int64) (domain.Audio, events.Event, error) {
			a.Version = last + 1
			return a, event(events.AudioCreatedV1, a.SessionID, a.Version), nil
		}
		_, single = b.Create(t.Context(), a.Session, caller.Of(owner), idempotency.Request{}, func(last int64) (domain.Audio, events.Event, error) { return decide(0, last) })
		a = c
		outcomes, err := b.CreateAll(t.Context(), []domain.Session{c.Session}, caller.Of(owner), idempotency.Request{}, decide, accept)
		if err != nil {
			t.Fatalf("CreateAll: %v", err)
		}
		if outcomes[0].Refused != nil {
			batch = outcomes[0].Refused
		}
		to := old.Session
		to.AccountID = account
		_, change = b.Update(t.Context(), to.SessionID, app.AccountOf{ID: to.AccountID, Reach: caller.Of(owner)}, func(current domain.Audio) (domain.Audio, events.Event, error) {
			current.AccountID = account
			current.Version++
			return current, event(events.AudioUpdatedV1, current.SessionID, current.Version), nil
		})
		return single, batch, change
	}
	for _, c := range []struct {
		name    string
		account *int64
		want    error
	}{
		{"none", nil, nil},
		{"the owner's", &mine, nil},
		{"another owner's", &others, domain.ErrAccountUnknown},
		{"a deleted one", &gone, domain.ErrAccountUnknown},
		{"one that nobody has", new(newID()), domain.ErrAccountUnknown},
	} {
		single, batch, change := write(c.account)
		for operation, err := range map[string]error{"Create": single, "CreateAll": batch, "Update": change} {
			if !errors.Is(err, c.want) {
				t.Errorf("%s with the account %s: %v, want %v", operation, c.name, err, c.want)
			}
		}
	}
}
