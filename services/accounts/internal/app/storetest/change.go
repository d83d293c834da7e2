package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/resource/resourcetest"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

type changes = resourcetest.Suite[domain.Account]

// onChanges returns a test that runs one of the changes of a backend.
func onChanges(run func(*changes, *testing.T)) func(*testing.T, Backend) {
	return func(t *testing.T, b Backend) {
		run(&changes{
			Log: b.Log, Missing: domain.ErrNotFound, Event: event,
			Created: events.AccountCreatedV1, Updated: events.AccountUpdatedV1, Deleted: events.AccountDeletedV1,
			NewID: func() int64 { return newAccount().ID },
			Create: func(ctx context.Context) (domain.Account, error) {
				a := newAccount()
				return b.Create(ctx, a, event(events.AccountCreatedV1, a.ID, 1), idempotency.Request{})
			},
			Get: b.Get,
			Update: func(ctx context.Context, a domain.Account, decide func(domain.Account) (domain.Account, events.Event, error)) (domain.Account, error) {
				return b.Update(ctx, a.ID, idempotency.Request{}, decide)
			},
			Delete: b.Delete,
			Edit: func(a domain.Account) domain.Account {
				a.Address += "."
				a.Meta = a.Next(epoch)
				return a
			},
			Edits: func(before, after domain.Account) int { return len(after.Address) - len(before.Address) },
		}, t)
	}
}

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

func testUpdateEmailTaken(t *testing.T, b Backend) {
	a, other := create(t, b), create(t, b)
	_, err := update(t.Context(), b, a.ID, func(a *domain.Account) { a.Email = other.Email })
	if !errors.Is(err, domain.ErrEmailTaken) {
		t.Fatalf("Update = %v, want ErrEmailTaken", err)
	}
	want(t, b, a)
	wantHistory(t, b, a.ID, event(events.AccountCreatedV1, a.ID, 1))
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
