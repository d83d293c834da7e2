package storetest

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
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

// newOnce returns an unused key.
func newOnce(body string) idempotency.Request {
	return idempotency.Request{Key: sha256.Sum256([]byte(rand.Text())), Body: sha256.Sum256([]byte(body))}
}

func testCreateOnce(t *testing.T, b Backend) {
	once := newOnce("a")
	first := newAccount()
	first.Image = &domain.Image{Object: "1/x.png", ContentType: "image/png", Width: 3, Height: 4, SizeBytes: 5, SHA256: "ab"}
	createOnce := func(a domain.Account) {
		t.Helper()
		got, err := b.Create(t.Context(), a, event(events.AccountCreatedV1, a.ID, 1), once)
		if err != nil {
			t.Fatalf("Create: %v", err)
		}
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("Create (-want +got):\n%s", diff)
		}
	}
	createOnce(first)
	again := newAccount()
	again.Email = first.Email // as in the repeated request
	createOnce(again)
	if _, err := b.Get(t.Context(), again.ID); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
	wantHistory(t, b, again.ID)
	wantHistory(t, b, first.ID, event(events.AccountCreatedV1, first.ID, 1))

	other := newAccount()
	reused := idempotency.Request{Key: once.Key, Body: sha256.Sum256([]byte("b"))}
	if _, err := b.Create(t.Context(), other, event(events.AccountCreatedV1, other.ID, 1), reused); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("Create with another body = %v, want ErrReused", err)
	}
	wantHistory(t, b, other.ID)

	// A deletion erases the result. The request still has its effect once.
	if err := remove(t.Context(), b, first.ID); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	if got, err := b.Create(t.Context(), again, event(events.AccountCreatedV1, again.ID, 1), once); !errors.Is(err, idempotency.ErrErased) {
		t.Errorf("Create = %+v, %v, want ErrErased", got, err)
	}
	if _, err := b.Get(t.Context(), first.ID); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
}

// testCreateOnceAfterFailure checks that a failed request leaves its key
// unused.
func testCreateOnceAfterFailure(t *testing.T, b Backend) {
	taken, a, once := create(t, b), newAccount(), newOnce("a")
	a.Email = taken.Email
	for range 2 {
		if _, err := b.Create(t.Context(), a, event(events.AccountCreatedV1, a.ID, 1), once); !errors.Is(err, domain.ErrEmailTaken) {
			t.Fatalf("Create = %v, want ErrEmailTaken", err)
		}
	}
	if err := remove(t.Context(), b, taken.ID); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	if _, err := b.Create(t.Context(), a, event(events.AccountCreatedV1, a.ID, 1), once); err != nil {
		t.Fatalf("Create: %v", err)
	}
	want(t, b, a)
}

func testCreateOnceAtOnce(t *testing.T, b Backend) {
	const clients = 20
	once, email := newOnce("a"), newAccount().Email
	results := make([]domain.Account, clients)
	made := make([]domain.Account, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			made[i] = newAccount()
			made[i].Email = email
			var err error
			if results[i], err = b.Create(t.Context(), made[i], event(events.AccountCreatedV1, made[i].ID, 1), once); err != nil {
				t.Errorf("Create: %v", err)
			}
		})
	}
	wg.Wait()
	for i, got := range results {
		if diff := cmp.Diff(results[0], got); diff != "" {
			t.Errorf("Create (-first +other):\n%s", diff)
		}
		if made[i].ID != results[0].ID {
			wantHistory(t, b, made[i].ID)
		}
	}
	wantHistory(t, b, results[0].ID, event(events.AccountCreatedV1, results[0].ID, 1))
}

func testUpdateOnce(t *testing.T, b Backend) {
	a := create(t, b)
	rename := func(once idempotency.Request, name string) (domain.Account, error) {
		return b.Update(t.Context(), a.ID, once, func(current domain.Account) (domain.Account, events.Event, error) {
			if current.Name != name {
				current.Name, current.UpdatedAt = name, epoch.Add(time.Hour)
				current.Version++
			}
			return current, event(events.AccountUpdatedV1, a.ID, current.Version), nil
		})
	}
	mustRename := func(once idempotency.Request, name, wantName string, wantVersion int64) {
		t.Helper()
		if got, err := rename(once, name); err != nil || got.Name != wantName || got.Version != wantVersion {
			t.Errorf("Update = %q at version %d, %v, want %q at %d", got.Name, got.Version, err, wantName, wantVersion)
		}
	}
	first, nothing := newOnce("a"), newOnce("b")
	mustRename(first, "one", "one", 2)
	mustRename(nothing, "one", "one", 2) // is recorded, too
	mustRename(idempotency.Request{}, "two", "two", 3)
	mustRename(first, "one", "one", 2)
	mustRename(nothing, "one", "one", 2)
	if _, err := rename(idempotency.Request{Key: first.Key}, "three"); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("Update with another body = %v, want ErrReused", err)
	}
	if got, err := b.Get(t.Context(), a.ID); err != nil || got.Name != "two" || got.Version != 3 {
		t.Errorf("the account is %+v, %v", got, err)
	}
	defer func() {
		if err := remove(t.Context(), b, a.ID); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		if got, err := rename(first, "one"); !errors.Is(err, idempotency.ErrErased) {
			t.Errorf("Update = %+v, %v, want ErrErased", got, err)
		}
	}()
	if told := eventlogtest.History(t, b.Log, app.Subject(a.ID)); len(told) != 3 {
		t.Errorf("the log has %d events, want 3", len(told))
	}
}
