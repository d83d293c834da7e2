// Package storetest is the conformance suite of app.Database.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// Backend is the store under test, with its log.
type Backend struct {
	app.Database
	Log interface {
		eventlog.Log
		eventlog.Reader
	}
}

// Run tests a backend, which may contain other accounts.
func Run(t *testing.T, b Backend) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Backend)
	}{
		{"create and get", testCreateAndGet},
		{"get what is not there", testGetMissing},
		{"create with a taken e-mail", testEmailTaken},
		{"create with a taken id", testIDTaken},
		{"e-mail taken at once", testEmailTakenAtOnce},
		{"list by filters", testFilters},
		{"list by ids", onLists((*lists).IDs)},
		{"list in every order", testOrders},
		{"list of equal times", onLists((*lists).EqualTimes)},
		{"list while others write", onLists((*lists).PagesAtOnce)},
		{"owner", testOwner},
		{"list of an owner", testListOfOwner},
		{"head of a list", onLists((*lists).Head)},
		{"list, then follow the log", onLists((*lists).ListThenFollow)},
		{"heads of lists while others write", onLists((*lists).HeadAtOnce)},
		{"update", testUpdate},
		{"update that changes nothing", onChanges((*changes).UpdateNothing)},
		{"update refused", onChanges((*changes).UpdateRefused)},
		{"update to a taken e-mail", testUpdateEmailTaken},
		{"update what is not there", onChanges((*changes).UpdateMissing)},
		{"updates at once", onChanges((*changes).UpdatesAtOnce)},
		{"delete", onChanges((*changes).DeleteAfterChange)},
		{"delete after many changes", onChanges((*changes).DeleteAfterManyChanges)},
		{"delete refused", onChanges((*changes).DeleteRefused)},
		{"delete what is not there", onChanges((*changes).DeleteMissing)},
		{"delete frees the e-mail", testDeleteFreesEmail},
		{"create once", testCreateOnce},
		{"create once after a failure", testCreateOnceAfterFailure},
		{"create once, many at once", testCreateOnceAtOnce},
		{"update once", testUpdateOnce},
		{"create many", testCreateAll},
		{"create many with a taken id", testCreateAllIDTaken},
		{"create very many", testCreateAllLarge},
		{"create many once", testCreateAllOnce},
		{"discards", testDiscards},
		{"cancelled context", testCancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, b) })
	}
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)

func newAccount() domain.Account {
	id := rand.Int64N(domain.MaxID) + 1
	return domain.New(id, domain.Profile{
		Name: fmt.Sprintf("Name %d", id), Email: domain.Email(fmt.Sprintf("e%d@example.org", id)), Address: fmt.Sprintf("Street %d", id),
	}, epoch)
}

func event(eventType string, id, version int64) events.Event {
	return events.Event{
		Type: eventType, Subject: fmt.Sprintf("account/%d", id), Version: version,
		Data: fmt.Appendf(nil, `{"resource":{"id":%d},"n":%d}`, id, version), Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
}

func create(t *testing.T, b Backend) domain.Account {
	t.Helper()
	a := newAccount()
	if _, err := b.Create(t.Context(), a, event(events.AccountCreatedV1, a.ID, 1), idempotency.Request{}); err != nil {
		t.Fatalf("Create: %v", err)
	}
	return a
}

func update(ctx context.Context, b Backend, id int64, edit func(*domain.Account)) (domain.Account, error) {
	return b.Update(ctx, id, idempotency.Request{}, func(current domain.Account) (domain.Account, events.Event, error) {
		edit(&current)
		current.Version++
		return current, event(events.AccountUpdatedV1, id, current.Version), nil
	})
}

func remove(ctx context.Context, b Backend, id int64) error {
	return b.Delete(ctx, id, func(current domain.Account) (events.Event, error) {
		return event(events.AccountDeletedV1, id, current.Version+1), nil
	})
}

func wantHistory(t *testing.T, b Backend, id int64, want ...events.Event) {
	t.Helper()
	if diff := cmp.Diff(want, eventlogtest.History(t, b.Log, app.Subject(id))); diff != "" {
		t.Errorf("event log (-want +got):\n%s", diff)
	}
}

func want(t *testing.T, b Backend, a domain.Account) {
	t.Helper()
	got, err := b.Get(t.Context(), a.ID)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
}

func testCreateAndGet(t *testing.T, b Backend) {
	a := newAccount()
	a.Image = &domain.Image{Object: "1/x.png", ContentType: "image/png", Width: 3, Height: 4, SizeBytes: 5, SHA256: "ab"}
	a.Name, a.Address = "Zoë \"'; DROP TABLE accounts; -- 🎧", ""
	created := event(events.AccountCreatedV1, a.ID, 1)
	if _, err := b.Create(t.Context(), a, created, idempotency.Request{}); err != nil {
		t.Fatalf("Create: %v", err)
	}
	want(t, b, a)
	wantHistory(t, b, a.ID, created)
}

func testGetMissing(t *testing.T, b Backend) {
	for _, id := range []int64{0, -1, newAccount().ID} {
		if _, err := b.Get(t.Context(), id); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("Get(%d) = %v, want ErrNotFound", id, err)
		}
	}
}

func testEmailTaken(t *testing.T, b Backend) {
	first, second := create(t, b), newAccount()
	second.Email = first.Email
	if _, err := b.Create(t.Context(), second, event(events.AccountCreatedV1, second.ID, 1), idempotency.Request{}); !errors.Is(err, domain.ErrEmailTaken) {
		t.Fatalf("Create = %v, want ErrEmailTaken", err)
	}
	if _, err := b.Get(t.Context(), second.ID); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
	wantHistory(t, b, second.ID)
}

func testIDTaken(t *testing.T, b Backend) {
	first, second := create(t, b), newAccount()
	second.ID = first.ID
	if _, err := b.Create(t.Context(), second, event(events.AccountCreatedV1, second.ID, 1), idempotency.Request{}); !errors.Is(err, domain.ErrIDTaken) {
		t.Fatalf("Create = %v, want ErrIDTaken", err)
	}
	want(t, b, first)
	wantHistory(t, b, first.ID, event(events.AccountCreatedV1, first.ID, 1))
}

func testEmailTakenAtOnce(t *testing.T, b Backend) {
	const clients = 20
	email := newAccount().Email
	results := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			a := newAccount()
			a.Email = email
			_, results[i] = b.Create(t.Context(), a, event(events.AccountCreatedV1, a.ID, 1), idempotency.Request{})
		})
	}
	wg.Wait()
	var won int
	for _, err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, domain.ErrEmailTaken) {
			t.Errorf("Create = %v, want ErrEmailTaken", err)
		}
	}
	if won != 1 {
		t.Errorf("%d registered one e-mail, want 1", won)
	}
}
