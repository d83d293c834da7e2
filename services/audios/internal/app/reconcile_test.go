package app_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// accounts is an accounts service. The cursor after an event is its position as
// a letter, "a" after the first one.
type accounts struct {
	events  []app.AccountEvent
	expired string // the cursor that is
	ids     []int64
	asked   []string // the cursors
	during  func()   // is called while events are read
}

const pageOfEvents = 2

func (a *accounts) Events(_ context.Context, cursor string) (app.AccountEvents, error) {
	a.asked = append(a.asked, cursor)
	if a.during != nil {
		a.during()
	}
	if cursor != "" && cursor == a.expired {
		return app.AccountEvents{}, app.ErrCursorExpired
	}
	from := 0
	if cursor != "" {
		from = int(cursor[0]-'a') + 1
	}
	page := app.AccountEvents{Events: slices.Clone(a.events[from:min(from+pageOfEvents, len(a.events))]), Next: cursor}
	for i := range page.Events {
		page.Events[i].Cursor = string(rune('a' + from + i))
		page.Next = page.Events[i].Cursor
	}
	page.More = len(page.Events) == pageOfEvents
	return page, nil
}

func (a *accounts) Existing(_ context.Context, ids []int64) (existing []int64, err error) {
	for _, id := range ids {
		if slices.Contains(a.ids, id) {
			existing = append(existing, id)
		}
	}
	return existing, nil
}

func (a *accounts) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, a.asked); diff != "" {
		t.Errorf("cursors (-want +got):\n%s", diff)
	}
	a.asked = nil
}

func (w *world) reconcile(t *testing.T, a *accounts, want app.Repairs) {
	t.Helper()
	got, err := w.Reconcile(t.Context(), a)
	if err != nil {
		t.Fatalf("Reconcile: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("repairs (-want +got):\n%s", diff)
	}
}

func (w *world) mustCreate(t *testing.T, id, account int64) {
	t.Helper()
	if _, err := w.Create(t.Context(), session(t, id, of(account)), nil, idempotency.Request{}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) wantGone(t *testing.T, ids ...int64) {
	t.Helper()
	for _, id := range ids {
		if _, err := w.store.Get(t.Context(), id); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("Get(%d) = %v, want ErrNotFound", id, err)
		}
	}
}

func (w *world) wantThere(t *testing.T, ids ...int64) {
	t.Helper()
	for _, id := range ids {
		if _, err := w.store.Get(t.Context(), id); err != nil {
			t.Errorf("Get(%d): %v", id, err)
		}
	}
}

// Events that no subscription delivered have the effect that they would have had.
// Each run reads on after the last one, and waits for events that are young.
func TestReconcile(t *testing.T) {
	w := newWorld(t)
	for id, account := range map[int64]int64{1: 5, 2: 5, 3: 6, 4: 7} {
		w.mustCreate(t, id, account)
	}
	old := w.now.Add(-time.Minute)
	a := &accounts{events: []app.AccountEvent{
		{Time: old, AccountID: 8, Owner: "key:ann"},
		{Time: old, AccountID: 5, Deleted: true},
		{Time: old, AccountID: 9, Deleted: true},
		{Time: w.now.Add(-time.Second), AccountID: 6, Deleted: true},
	}}
	w.reconcile(t, a, app.Repairs{Sessions: 2, Owners: 1})
	a.wantAsked(t, "", "b")
	w.wantGone(t, 1, 2)
	w.wantThere(t, 3, 4)
	ann := caller.With(t.Context(), &caller.Caller{ID: "key:ann", Scopes: caller.AudiosOwn})
	if _, err := w.Create(ann, session(t, 10, of(8)), nil, idempotency.Request{}); err != nil {
		t.Errorf("Create with the account whose event was lost: %v", err)
	}
	if _, err := w.Create(t.Context(), session(t, 11, of(9)), nil, idempotency.Request{}); !errors.Is(err, domain.ErrAccountDeleted) {
		t.Errorf("Create with a deleted account = %v, want ErrAccountDeleted", err)
	}
	w.reconcile(t, a, app.Repairs{})
	a.wantAsked(t, "c")

	w.now = w.now.Add(time.Minute)
	w.reconcile(t, a, app.Repairs{Sessions: 1})
	a.wantAsked(t, "c")
	w.wantGone(t, 3)
	w.reconcile(t, a, app.Repairs{})
	a.wantAsked(t, "d")
	w.wantThere(t, 4, 10)
}

// One run at a time reconciles. The next one continues where a run that was killed
// has come, as soon as its lease has expired.
func TestReconcileOneAtATime(t *testing.T) {
	w := newWorld(t)
	a := &accounts{events: []app.AccountEvent{{AccountID: 5, Owner: "key:ann"}, {AccountID: 6, Owner: "key:ann"}, {AccountID: 7, Owner: "key:ann"}}}
	other := &accounts{}
	a.during = func() {
		if len(a.asked) == 2 { // the first page is saved
			w.reconcile(t, other, app.Repairs{})
			w.now = w.now.Add(2 * time.Minute)
			a.during = nil
			w.reconcile(t, a, app.Repairs{Owners: 1})
		}
	}
	w.reconcile(t, a, app.Repairs{Owners: 2})
	other.wantAsked(t)
	a.wantAsked(t, "", "b", "b")
	w.reconcile(t, a, app.Repairs{})
}

// If the cursor has expired because nobody has reconciled for months, the recorded
// accounts are compared with those that exist.
func TestReconcileAfterMonths(t *testing.T) {
	w := newWorld(t)
	a := &accounts{events: []app.AccountEvent{{AccountID: 1, Owner: "key:ann"}}}
	for account := int64(1); account <= 250; account++ {
		if err := w.AddAccount(t.Context(), account, "key:ann"); err != nil {
			t.Fatal(err)
		}
		if account != 120 && account != 249 {
			a.ids = append(a.ids, account)
		}
	}
	w.mustCreate(t, 1, 120)
	w.mustCreate(t, 2, 121)
	w.mustCreate(t, 3, 249)
	w.mustCreate(t, 4, 1000) // of an account that the service has not heard of
	w.reconcile(t, a, app.Repairs{})
	w.now = w.now.Add(91 * 24 * time.Hour)
	a.expired = "a"
	w.reconcile(t, a, app.Repairs{Sessions: 2})
	a.wantAsked(t, "", "a", "")
	w.wantGone(t, 1, 3)
	w.wantThere(t, 2, 4)
	a.expired = ""
	w.reconcile(t, a, app.Repairs{})
}

// Nothing is removed if most accounts are missing: the accounts service may have
// lost them. The next run tries again.
func TestReconcileWithoutMostAccounts(t *testing.T) {
	w := newWorld(t)
	a := &accounts{events: []app.AccountEvent{{AccountID: 1, Owner: "key:ann"}}}
	for account := int64(1); account <= 5; account++ {
		if err := w.AddAccount(t.Context(), account, "key:ann"); err != nil {
			t.Fatal(err)
		}
		w.mustCreate(t, account, account)
	}
	w.reconcile(t, a, app.Repairs{})
	w.now = w.now.Add(91 * 24 * time.Hour)
	a.expired, a.ids = "a", []int64{1, 2}
	if _, err := w.Reconcile(t.Context(), a); !errors.Is(err, app.ErrMostlyMissing) {
		t.Fatalf("Reconcile = %v, want ErrMostlyMissing", err)
	}
	w.wantThere(t, 1, 2, 3, 4, 5)
	a.expired, a.ids = "", []int64{1, 2, 3}
	w.reconcile(t, a, app.Repairs{Sessions: 2})
	w.wantGone(t, 4, 5)
}

// If the cursor expires before its time, the accounts' events are those of another
// database. They are applied, but accounts that do not exist there are kept.
func TestReconcileWithReplacedEvents(t *testing.T) {
	w := newWorld(t)
	a := &accounts{events: []app.AccountEvent{{AccountID: 1, Owner: "key:ann"}, {AccountID: 2, Owner: "key:ann"}}}
	w.mustCreate(t, 1, 1)
	w.mustCreate(t, 2, 2)
	w.reconcile(t, a, app.Repairs{Owners: 2})
	a.events, a.expired = []app.AccountEvent{{AccountID: 2, Deleted: true}}, "b"
	w.reconcile(t, a, app.Repairs{Sessions: 1, Replaced: true})
	w.wantThere(t, 1)
	w.wantGone(t, 2)
}
