package sqlitestore_test

import (
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/backend/embedded/embeddedtest"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/sqlitestore"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/app/storetest"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

func TestStore(t *testing.T) {
	t.Parallel()
	o := embeddedtest.Open(t, sqlitestore.Migrations())
	storetest.Run(t, storetest.Backend{Database: sqlitestore.New(o.DB, o.Log, o.Keys), Log: o.Log})
}

// In a large table, the entries of the accounts that a commit changes are in as
// many pages of this index.
func TestUpdateSparesTheIndexOfAnUnchangedEmail(t *testing.T) {
	t.Parallel()
	o := embeddedtest.Open(t, sqlitestore.Migrations())
	store := sqlitestore.New(o.DB, o.Log, o.Keys)
	event := func(kind string, version int64) events.Event {
		return events.Event{Type: kind, Subject: app.Subject(7), Version: version, Data: []byte("{}")}
	}
	if _, err := store.Create(t.Context(), domain.New(7, domain.Profile{Name: "Grace", Email: "grace@example.org"}, time.Now()),
		event(events.AccountCreatedV1, 1), idempotency.Request{}); err != nil {
		t.Fatal(err)
	}
	// pages returns how many pages an update writes.
	pages := func(edit func(*domain.Profile)) int64 {
		if _, err := o.DB.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Update(t.Context(), 7, idempotency.Request{}, func(a domain.Account) (domain.Account, events.Event, error) {
			edit(&a.Profile)
			a.Version++
			return a, event(events.AccountUpdatedV1, a.Version), nil
		}); err != nil {
			t.Fatal(err)
		}
		n, err := o.DB.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	both := pages(func(p *domain.Profile) { p.Name, p.Email = "Ada", "ada@example.org" })
	name := pages(func(p *domain.Profile) { p.Name = "Alan" })
	if name != both-1 {
		t.Errorf("a change of the name writes %d pages, one of the name and the e-mail address %d", name, both)
	}
}
