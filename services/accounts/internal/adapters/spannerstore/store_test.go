//go:build cloud

package spannerstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/option"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/idempotency/spannerkeys"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/app/storetest"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

var schema = Schema()

func open(t *testing.T, options ...option.ClientOption) (*Store, *spannerdb.DB) {
	t.Helper()
	db := spannerdbtest.Open(t, spannerdbtest.New(t, schema...), schema, options...)
	log := spannerlog.New(db)
	if _, _, err := log.Head(t.Context(), eventlog.Position{}); err != nil { // reads the number of shards, as a relay does at its start
		t.Fatal(err)
	}
	return New(db, log, spannerkeys.New(time.Now)), db
}

func TestStore(t *testing.T) {
	store, _ := open(t)
	store.maxRedacted = 3 // few enough for the suite to exceed
	storetest.Run(t, storetest.Backend{Database: store, Log: store.log})
}

// Two processes use one database.
func TestTwoStores(t *testing.T) {
	name := spannerdbtest.New(t, schema...)
	one, two := spannerdbtest.Open(t, name, schema), spannerdbtest.Open(t, name, schema)
	a := account()
	if _, err := New(one, spannerlog.New(one), spannerkeys.New(time.Now)).Create(t.Context(), a, event(a.ID, 1), idempotency.Request{}); err != nil {
		t.Fatal(err)
	}
	const each = 10
	var wg sync.WaitGroup
	for _, db := range []*spannerdb.DB{one, two} {
		store := New(db, spannerlog.New(db), spannerkeys.New(time.Now))
		wg.Go(func() {
			for range each {
				if _, err := store.Update(t.Context(), a.ID, idempotency.Request{}, change); err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if got, err := New(two, nil, nil).Get(t.Context(), a.ID); err != nil || got.Version != 1+2*each {
		t.Errorf("version %d, %v, want %d", got.Version, err, 1+2*each)
	}
}

func account() domain.Account {
	id := rand.Int64N(domain.MaxID) + 1
	return domain.New(id, domain.Profile{Name: "Name", Email: domain.Email(fmt.Sprintf("%d@example.org", id)), Address: "Street"},
		time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC))
}

func event(id, version int64) events.Event {
	return events.Event{Type: events.AccountUpdatedV1, Subject: fmt.Sprintf("account/%d", id), Version: version, Data: []byte("{}")}
}

func change(a domain.Account) (domain.Account, events.Event, error) {
	a.Version++
	a.Address += "."
	a.Image = &domain.Image{Object: fmt.Sprintf("%d/%d", a.ID, a.Version)}
	return a, event(a.ID, a.Version), nil
}

func TestCallsToSpanner(t *testing.T) {
	var c spannerdbtest.Calls
	store, _ := open(t, c.Options()...)
	a, once := account(), idempotency.Request{Key: [32]byte{1}}
	for range 3 {
		other := account()
		if _, err := store.Create(t.Context(), other, event(other.ID, 1), idempotency.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	listed := func(q app.Query) func(context.Context) error {
		return func(ctx context.Context) error {
			q.Limit = 2
			_, err := store.List(ctx, q)
			return err
		}
	}
	for _, step := range []struct {
		name string
		do   func(ctx context.Context) error
		want []string
	}{
		{"create", func(ctx context.Context) error {
			_, err := store.Create(ctx, a, event(a.ID, 1), idempotency.Request{})
			return err
		}, []string{"BeginTransaction", "Commit"}},
		{"create with a key", func(ctx context.Context) error {
			a := account()
			_, err := store.Create(ctx, a, event(a.ID, 1), once)
			return err
		}, []string{"ExecuteStreamingSql", "Commit"}},
		{"create with the same key", func(ctx context.Context) error {
			a := account()
			_, err := store.Create(ctx, a, event(a.ID, 1), once)
			return err
		}, []string{"ExecuteStreamingSql", "Commit"}},
		{"get", func(ctx context.Context) error { _, err := store.Get(ctx, a.ID); return err }, []string{"StreamingRead"}},
		{"list", listed(app.Query{}), []string{"ExecuteStreamingSql"}},
		{"list by name", listed(app.Query{Name: &a.Name}), []string{"ExecuteStreamingSql"}},
		{"list by creation", listed(app.Query{Options: list.Options{Order: list.Order{By: list.ByCreated, Desc: true}}}), []string{"ExecuteStreamingSql"}},
		{"list with a total", listed(app.Query{Options: list.Options{Total: true}}), []string{"ExecuteStreamingSql", "ExecuteStreamingSql"}},
		{"update", func(ctx context.Context) error {
			_, err := store.Update(ctx, a.ID, idempotency.Request{}, change)
			return err
		}, []string{"StreamingRead", "Commit"}},
		{"update with an image", func(ctx context.Context) error {
			_, err := store.Update(ctx, a.ID, idempotency.Request{}, change)
			return err
		}, []string{"StreamingRead", "Commit"}},
		{"delete", func(ctx context.Context) error {
			return store.Delete(ctx, a.ID, func(a domain.Account) (events.Event, error) { return event(a.ID, a.Version+1), nil })
		}, []string{"StreamingRead", "StreamingRead", "Commit"}},
		{"discarded", func(ctx context.Context) error { _, err := store.Discarded(ctx, a.ID); return err }, []string{"StreamingRead"}},
		{"forget", func(ctx context.Context) error { return store.ForgetDiscarded(ctx, a.ID, []string{"x", "y"}) }, []string{"BeginTransaction", "Commit"}},
	} {
		c.Take()
		if err := step.do(t.Context()); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.want, c.Take()); diff != "" {
			t.Errorf("calls of %s (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestFilterThatIsNotUTF8(t *testing.T) {
	store, _ := open(t)
	a := account()
	if _, err := store.Create(t.Context(), a, event(a.ID, 1), idempotency.Request{}); err != nil {
		t.Fatal(err)
	}
	text, email := "Name\xff", domain.Email("\xff@example.org")
	for _, q := range []app.Query{{Name: &text}, {Address: &text}, {Email: &email}, {Email: &email, Name: &a.Name}} {
		q.Limit = 10
		if page, err := store.List(t.Context(), q); len(page.Items) > 0 || err != nil {
			t.Errorf("List = %v, %v, want nothing", page, err)
		}
	}
}

// No transaction redacts more events than allowed.
func TestDeleteAfterManyChanges(t *testing.T) {
	var c spannerdbtest.Calls
	store, _ := open(t, c.Options()...)
	store.maxRedacted = 2
	a := account()
	if _, err := store.Create(t.Context(), a, event(a.ID, 1), idempotency.Request{}); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, err := store.Update(t.Context(), a.ID, idempotency.Request{}, change); err != nil {
			t.Fatal(err)
		}
	}
	c.Take()
	if err := store.Delete(t.Context(), a.ID, func(a domain.Account) (events.Event, error) { return event(a.ID, a.Version+1), nil }); err != nil {
		t.Fatal(err)
	}
	redactTwo := []string{"StreamingRead", "ExecuteStreamingSql", "Commit"}
	want := slices.Concat(redactTwo, redactTwo, []string{"StreamingRead", "StreamingRead", "Commit"})
	if diff := cmp.Diff(want, c.Take()); diff != "" {
		t.Errorf("calls of a delete of five events, two at a time (-want +got):\n%s", diff)
	}
}

func TestUnavailable(t *testing.T) {
	db := spannerdbtest.Open(t, spannerdbtest.Name(t), schema) // the database does not exist
	store := New(db, spannerlog.New(db), spannerkeys.New(time.Now))
	a := account()
	_, getErr := store.Get(t.Context(), a.ID)
	_, listErr := store.List(t.Context(), app.Query{Options: list.Options{Limit: 1}})
	_, updateErr := store.Update(t.Context(), a.ID, idempotency.Request{}, change)
	_, discardedErr := store.Discarded(t.Context(), a.ID)
	_, createErr := store.Create(t.Context(), a, event(a.ID, 1), idempotency.Request{Key: [32]byte{1}})
	for _, err := range []error{
		getErr, listErr, updateErr, discardedErr, createErr,
		store.Delete(t.Context(), a.ID, func(domain.Account) (events.Event, error) { return event(a.ID, 2), nil }),
		store.ForgetDiscarded(t.Context(), a.ID, []string{"x"}),
	} {
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("error %v, want fault.Unavailable", err)
		}
	}
}

// The log has events of an id that was used before.
func TestCreateWithTheIDOfADeletedAccount(t *testing.T) {
	store, _ := open(t)
	a := account()
	if _, err := store.Create(t.Context(), a, event(a.ID, 1), idempotency.Request{}); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context(), a.ID, func(a domain.Account) (events.Event, error) { return event(a.ID, 2), nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(t.Context(), a, event(a.ID, 1), idempotency.Request{}); !errors.Is(err, domain.ErrIDTaken) {
		t.Errorf("Create = %v, want ErrIDTaken", err)
	}
}
