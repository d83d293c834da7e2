package storetest

import (
	"crypto/sha256"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

func createAll(t *testing.T, b Backend, once idempotency.Request, accounts ...domain.Account) ([]app.Outcome, error) {
	created := make([]events.Event, len(accounts))
	for i, a := range accounts {
		created[i] = event(events.AccountCreatedV1, a.ID, 1)
	}
	return b.CreateAll(t.Context(), accounts, created, once)
}

func wantOutcomes(t *testing.T, got []app.Outcome, err error, want ...app.Outcome) {
	t.Helper()
	if err != nil {
		t.Fatalf("CreateAll: %v", err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(fault.Error{})); diff != "" {
		t.Errorf("CreateAll (-want +got):\n%s", diff)
	}
}

func added(a domain.Account) app.Outcome {
	return app.Outcome{Result: app.Added{ID: a.ID, CreatedAt: a.CreatedAt}}
}

var emailTaken = app.Outcome{Refused: domain.ErrEmailTaken}

func testCreateAll(t *testing.T, b Backend) {
	old, first, twice, taken, last := create(t, b), newAccount(), newAccount(), newAccount(), newAccount()
	twice.Email, taken.Email = first.Email, old.Email
	got, err := createAll(t, b, idempotency.Request{}, first, twice, taken, last)
	wantOutcomes(t, got, err, added(first), emailTaken, emailTaken, added(last))
	for _, a := range []domain.Account{old, first, last} {
		want(t, b, a)
		wantHistory(t, b, a.ID, event(events.AccountCreatedV1, a.ID, 1))
	}
	for _, a := range []domain.Account{twice, taken} {
		if _, err := b.Get(t.Context(), a.ID); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("Get = %v, want ErrNotFound", err)
		}
		wantHistory(t, b, a.ID)
	}
	if got, err := createAll(t, b, newOnce("none")); err != nil || len(got) != 0 {
		t.Errorf("CreateAll of nothing = %v, %v", got, err)
	}
}

func testCreateAllIDTaken(t *testing.T, b Backend) {
	old, first, second := create(t, b), newAccount(), newAccount()
	second.ID = old.ID
	if _, err := createAll(t, b, idempotency.Request{}, first, second); !errors.Is(err, domain.ErrIDTaken) {
		t.Fatalf("CreateAll = %v, want ErrIDTaken", err)
	}
	want(t, b, old)
	if _, err := b.Get(t.Context(), first.ID); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
	wantHistory(t, b, first.ID)
}

func testCreateAllLarge(t *testing.T, b Backend) {
	accounts, outcomes := make([]domain.Account, 200), make([]app.Outcome, 200)
	for i := range accounts {
		accounts[i] = newAccount()
		outcomes[i] = added(accounts[i])
	}
	once := newOnce("a")
	for range 2 {
		got, err := createAll(t, b, once, accounts...)
		wantOutcomes(t, got, err, outcomes...)
	}
	want(t, b, accounts[199])
}

func testCreateAllOnce(t *testing.T, b Backend) {
	const clients = 10
	once, old, fresh := newOnce("a"), create(t, b), newAccount()
	results := make([][]app.Outcome, clients)
	made := make([]domain.Account, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			taken := newAccount()
			made[i] = newAccount()
			taken.Email, made[i].Email = old.Email, fresh.Email
			var err error
			if results[i], err = createAll(t, b, once, taken, made[i]); err != nil {
				t.Errorf("CreateAll: %v", err)
			}
		})
	}
	wg.Wait()
	winner := results[0][1].Result.ID
	for i, got := range results {
		wantOutcomes(t, got, nil, emailTaken, app.Outcome{Result: app.Added{ID: winner, CreatedAt: fresh.CreatedAt}})
		if made[i].ID != winner {
			wantHistory(t, b, made[i].ID)
		}
	}
	wantHistory(t, b, winner, event(events.AccountCreatedV1, winner, 1))
	other := idempotency.Request{Key: once.Key, Body: sha256.Sum256([]byte("b"))}
	if _, err := createAll(t, b, other, newAccount()); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("CreateAll with another body = %v, want ErrReused", err)
	}
	// A deletion erases what the result tells of the account.
	for _, id := range []int64{old.ID, winner} {
		if err := remove(t.Context(), b, id); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	got, err := createAll(t, b, once, old, fresh)
	wantOutcomes(t, got, err, emailTaken, app.Outcome{Refused: idempotency.ErrErased})
	if _, err := b.Get(t.Context(), fresh.ID); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
}
