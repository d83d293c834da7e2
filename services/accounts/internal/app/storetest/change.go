package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

func testUpdate(t *testing.T, b Backend) {
	a := create(t, b)
	next := a
	next.Name, next.Email, next.Address = "New", "new"+a.Email, "Elsewhere"
	next.Image = &domain.Image{Object: "1/y.jpeg", ContentType: "image/jpeg", Width: 1, Height: 2, SizeBytes: 3, SHA256: "cd"}
	next.Version, next.UpdatedAt = 2, epoch.Add(time.Hour)
	updated := event(events.AccountUpdatedV1, a.ID, 2)
	got, err := b.Update(t.Context(), a.ID, idempotency.Request{}, func(current domain.Account) (domain.Account, events.Event, error) {
		if diff := cmp.Diff(a, current); diff != "" {
			t.Errorf("current (-want +got):\n%s", diff)
		}
		return next, updated, nil
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	if diff := cmp.Diff(next, got); diff != "" {
		t.Errorf("Update (-want +got):\n%s", diff)
	}
	want(t, b, next)
	wantHistory(t, b, a.ID, event(events.AccountCreatedV1, a.ID, 1), updated)
}

func testUpdateNothing(t *testing.T, b Backend) {
	a := create(t, b)
	got, err := b.Update(t.Context(), a.ID, idempotency.Request{}, func(current domain.Account) (domain.Account, events.Event, error) {
		return current, events.Event{}, nil
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("Update (-want +got):\n%s", diff)
	}
	want(t, b, a)
	wantHistory(t, b, a.ID, event(events.AccountCreatedV1, a.ID, 1))
}

var errRefused = errors.New("refused")

func testUpdateRefused(t *testing.T, b Backend) {
	a := create(t, b)
	_, err := b.Update(t.Context(), a.ID, idempotency.Request{}, func(current domain.Account) (domain.Account, events.Event, error) {
		current.Name, current.Version = "x", 2
		return current, event(events.AccountUpdatedV1, a.ID, 2), errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Fatalf("Update = %v, want decide's error", err)
	}
	want(t, b, a)
	wantHistory(t, b, a.ID, event(events.AccountCreatedV1, a.ID, 1))
}

func testUpdateEmailTaken(t *testing.T, b Backend) {
	a, other := create(t, b), create(t, b)
	_, err := update(t.Context(), b, a.ID, func(a *domain.Account) { a.Email = other.Email })
	if !errors.Is(err, domain.ErrEmailTaken) {
		t.Fatalf("Update = %v, want ErrEmailTaken", err)
	}
	want(t, b, a)
	wantHistory(t, b, a.ID, event(events.AccountCreatedV1, a.ID, 1))
}

func testUpdateMissing(t *testing.T, b Backend) {
	_, err := update(t.Context(), b, newAccount().ID, func(*domain.Account) { t.Error("decide was called") })
	if !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Update = %v, want ErrNotFound", err)
	}
}

func testUpdatesAtOnce(t *testing.T, b Backend) {
	const writers, each = 8, 5
	a := create(t, b)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if _, err := update(t.Context(), b, a.ID, func(a *domain.Account) { a.Address += "." }); err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	got, err := b.Get(t.Context(), a.ID)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if got.Version != 1+writers*each || len(got.Address) != len(a.Address)+writers*each {
		t.Errorf("version %d, address %q: an update was lost", got.Version, got.Address)
	}
	for i, e := range eventlogtest.History(t, b.Log, app.Subject(a.ID)) {
		if e.Version != int64(i)+1 {
			t.Fatalf("event %d of the log has version %d", i, e.Version)
		}
	}
}

func redacted(e events.Event) events.Event {
	e.Data = []byte(events.Redacted)
	return e
}

func testDelete(t *testing.T, b Backend) {
	a := create(t, b)
	if _, err := update(t.Context(), b, a.ID, func(a *domain.Account) { a.Name = "x" }); err != nil {
		t.Fatalf("Update: %v", err)
	}
	if err := remove(t.Context(), b, a.ID); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	if _, err := b.Get(t.Context(), a.ID); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
	wantHistory(t, b, a.ID,
		redacted(event(events.AccountCreatedV1, a.ID, 1)), redacted(event(events.AccountUpdatedV1, a.ID, 2)),
		event(events.AccountDeletedV1, a.ID, 3))
}

// An adapter may redact a long history in several transactions, but not before
// the deletion is allowed, and completely by its end.
func testDeleteAfterManyChanges(t *testing.T, b Backend) {
	a := create(t, b)
	told := []events.Event{event(events.AccountCreatedV1, a.ID, 1)}
	for range 10 {
		next, err := update(t.Context(), b, a.ID, func(a *domain.Account) { a.Name += "x" })
		if err != nil {
			t.Fatalf("Update: %v", err)
		}
		told = append(told, event(events.AccountUpdatedV1, a.ID, next.Version))
	}
	err := b.Delete(t.Context(), a.ID, func(domain.Account) (events.Event, error) { return events.Event{}, errRefused })
	if !errors.Is(err, errRefused) {
		t.Fatalf("Delete = %v, want decide's error", err)
	}
	wantHistory(t, b, a.ID, told...)
	if err := remove(t.Context(), b, a.ID); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	for i := range told {
		told[i] = redacted(told[i])
	}
	wantHistory(t, b, a.ID, append(told, event(events.AccountDeletedV1, a.ID, 12))...)
}

func testDeleteRefused(t *testing.T, b Backend) {
	a := create(t, b)
	err := b.Delete(t.Context(), a.ID, func(domain.Account) (events.Event, error) { return events.Event{}, errRefused })
	if !errors.Is(err, errRefused) {
		t.Fatalf("Delete = %v, want decide's error", err)
	}
	want(t, b, a)
	wantHistory(t, b, a.ID, event(events.AccountCreatedV1, a.ID, 1))
}

func testDeleteMissing(t *testing.T, b Backend) {
	id := newAccount().ID
	if err := remove(t.Context(), b, id); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Delete = %v, want ErrNotFound", err)
	}
	wantHistory(t, b, id)
}

func testDeleteFreesEmail(t *testing.T, b Backend) {
	a := create(t, b)
	if err := remove(t.Context(), b, a.ID); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	again := newAccount()
	again.Email = a.Email
	if _, err := b.Create(t.Context(), again, event(events.AccountCreatedV1, again.ID, 1), idempotency.Request{}); err != nil {
		t.Errorf("Create with the e-mail of a deleted account: %v", err)
	}
}

func testDiscards(t *testing.T, b Backend) {
	a := create(t, b)
	setImage := func(img *domain.Image) {
		if _, err := update(t.Context(), b, a.ID, func(a *domain.Account) { a.Image = img }); err != nil {
			t.Fatalf("Update: %v", err)
		}
	}
	wantDiscarded := func(objects ...string) {
		t.Helper()
		got, err := b.Discarded(t.Context(), a.ID)
		if err != nil {
			t.Fatalf("Discarded: %v", err)
		}
		slices.Sort(got)
		if diff := cmp.Diff(objects, got); diff != "" {
			t.Errorf("discarded (-want +got):\n%s", diff)
		}
	}
	setImage(&domain.Image{Object: "one"})
	wantDiscarded()
	setImage(&domain.Image{Object: "one", Width: 1}) // the same object is not discarded
	wantDiscarded()
	setImage(&domain.Image{Object: "two"})
	wantDiscarded("one")
	setImage(nil)
	wantDiscarded("one", "two")
	for range 2 { // idempotent
		if err := b.ForgetDiscarded(t.Context(), a.ID, []string{"one"}); err != nil {
			t.Fatalf("ForgetDiscarded: %v", err)
		}
	}
	wantDiscarded("two")
	setImage(&domain.Image{Object: "three"})
	if err := remove(t.Context(), b, a.ID); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	wantDiscarded("three", "two")
}

func testCancelled(t *testing.T, b Backend) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := newAccount()
	if _, err := b.Create(ctx, a, event(events.AccountCreatedV1, a.ID, 1), idempotency.Request{}); err == nil {
		t.Error("Create with a cancelled context succeeded")
	}
	if _, err := b.Get(t.Context(), a.ID); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
}
