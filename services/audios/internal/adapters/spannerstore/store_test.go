//go:build cloud

package spannerstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/option"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/idempotency/spannerkeys"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/app/storetest"
	"github.com/concha-labs/backend/services/audios/internal/domain"
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
	s := session(nil)
	if err := create(t.Context(), New(one, spannerlog.New(one), spannerkeys.New(time.Now)), s, 1); err != nil {
		t.Fatal(err)
	}
	const each = 10
	var wg sync.WaitGroup
	for _, db := range []*spannerdb.DB{one, two} {
		store := New(db, spannerlog.New(db), spannerkeys.New(time.Now))
		wg.Go(func() {
			for range each {
				if _, err := store.Update(t.Context(), s.SessionID, app.AccountOf{ID: s.AccountID, Reach: caller.Everything()}, change); err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if got, err := New(two, nil, nil).Get(t.Context(), s.SessionID); err != nil || got.Version != 1+2*each {
		t.Errorf("version %d, %v, want %d", got.Version, err, 1+2*each)
	}
}

func newID() int64 { return rand.Int64N(domain.MaxID) + 1 }

func session(account *int64) domain.Session {
	s := domain.Session{SessionID: newID(), AccountID: account, SelectedTick: 3, StepCount: 7}
	for i := range s.Ticks {
		s.Ticks[i] = -100 + 90*rand.Float64()
	}
	return s
}

func event(id, version int64) events.Event {
	return events.Event{Type: events.AudioUpdatedV1, Subject: fmt.Sprintf("audio/%d", id), Version: version, Data: []byte("{}")}
}

// create adds s as if it had been deleted at the previous version.
func create(ctx context.Context, store *Store, s domain.Session, version int64) error {
	return createOnce(ctx, store, s, version, idempotency.Request{})
}

func createOnce(ctx context.Context, store *Store, s domain.Session, version int64, request idempotency.Request) error {
	_, err := store.Create(ctx, s, caller.Everything(), request, func(int64) (domain.Audio, events.Event, error) {
		f := domain.File{Kept: true, Content: "{}", SizeBytes: 2, SHA256: strings.Repeat("0", 64)}
		return domain.New(s, f, version-1, time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)), event(s.SessionID, version), nil
	})
	return err
}

func change(a domain.Audio) (domain.Audio, events.Event, error) {
	a.Version++
	a.StepCount = 9 - a.StepCount
	a.File.Kept, a.File.Object = false, fmt.Sprintf("%d/%d", a.SessionID, a.Version)
	return a, event(a.SessionID, a.Version), nil
}

func deletion(a domain.Audio) (events.Event, error) { return event(a.SessionID, a.Version+1), nil }

func TestCallsToSpanner(t *testing.T) {
	var c spannerdbtest.Calls
	store, _ := open(t, c.Options()...)
	account, other := newID(), newID()
	free, owned := session(nil), session(&account)
	for range 3 {
		if err := create(t.Context(), store, session(&other), 1); err != nil {
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
	update := func(account *int64) func(context.Context) error {
		return func(ctx context.Context) error {
			to := owned
			to.AccountID = account
			_, err := store.Update(ctx, to.SessionID, app.AccountOf{ID: to.AccountID, Reach: caller.Everything()}, func(a domain.Audio) (domain.Audio, events.Event, error) {
				a.AccountID = account
				return change(a)
			})
			return err
		}
	}
	remove := func(ctx context.Context) error {
		_, err := store.RemoveAccount(ctx, other, 100, deletion)
		return err
	}
	once := idempotency.Request{Key: [32]byte{1}}
	read, write := []string{"ExecuteStreamingSql"}, []string{"ExecuteStreamingSql", "Commit"}
	for _, step := range []struct {
		name string
		do   func(ctx context.Context) error
		want []string
	}{
		{"create", func(ctx context.Context) error { return create(ctx, store, free, 1) }, write},
		{"create with an account", func(ctx context.Context) error { return create(ctx, store, owned, 1) }, write},
		{"create with a key", func(ctx context.Context) error { return createOnce(ctx, store, session(&other), 1, once) }, write},
		{"create with the same key", func(ctx context.Context) error { return createOnce(ctx, store, session(&other), 1, once) }, write},
		{"get", func(ctx context.Context) error { _, err := store.Get(ctx, free.SessionID); return err }, []string{"StreamingRead"}},
		{"get with the document", func(ctx context.Context) error {
			_, err := store.WithDocument(ctx, free.SessionID)
			return err
		}, read},
		{"list", listed(app.Query{}), read},
		{"list by account", listed(app.Query{AccountID: &app.Range{Min: other, Max: other}}), read},
		{"list by selected tick and step counts", listed(app.Query{SelectedTick: &app.Range{Min: 3, Max: 3}, StepCount: &app.Range{Min: 7, Max: 9}}), read},
		{"list by creation", listed(app.Query{Options: list.Options{Order: list.Order{By: list.ByCreated, Desc: true}}}), read},
		{"list with a total", listed(app.Query{Options: list.Options{Total: true}}), []string{"ExecuteStreamingSql", "ExecuteStreamingSql"}},
		{"update", update(&account), write},
		{"move to another account", update(&other), write},
		{"leave the account", update(nil), []string{"StreamingRead", "Commit"}},
		{"delete", func(ctx context.Context) error { return store.Delete(ctx, free.SessionID, deletion) }, []string{"StreamingRead", "StreamingRead", "Commit"}},
		{"create again", func(ctx context.Context) error { return create(ctx, store, free, 3) }, write},
		{"remove an account of three", remove, []string{"ExecuteStreamingSql", "StreamingRead", "Commit"}},
		{"remove an account of none", remove, write},
		{"discarded", func(ctx context.Context) error { _, err := store.Discarded(ctx, free.SessionID); return err }, []string{"StreamingRead"}},
		{"forget", func(ctx context.Context) error {
			return store.ForgetDiscarded(ctx, free.SessionID, []string{"x", "y"})
		}, []string{"BeginTransaction", "Commit"}},
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

// Removing an account takes several transactions if its sessions have too many
// events for one.
func TestRemoveAccountOfManyEvents(t *testing.T) {
	store, _ := open(t)
	account := newID()
	for _, version := range []int64{store.maxRedacted / 2, store.maxRedacted / 2, 2 * store.maxRedacted, 1, 1} {
		if err := create(t.Context(), store, session(&account), version); err != nil {
			t.Fatal(err)
		}
	}
	total := 0
	for calls := 1; ; calls++ {
		removed, err := store.RemoveAccount(t.Context(), account, 100, deletion)
		if err != nil {
			t.Fatal(err)
		}
		if total += removed; removed == 0 {
			if total != 5 || calls < 3 {
				t.Errorf("%d audios removed by %d calls, want 5 by more", total, calls)
			}
			return
		}
	}
}

// No transaction redacts more events than allowed.
func TestDeleteAfterManyChanges(t *testing.T) {
	var c spannerdbtest.Calls
	store, _ := open(t, c.Options()...)
	store.maxRedacted = 2
	s := session(nil)
	if err := create(t.Context(), store, s, 1); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, err := store.Update(t.Context(), s.SessionID, app.AccountOf{ID: s.AccountID, Reach: caller.Everything()}, change); err != nil {
			t.Fatal(err)
		}
	}
	c.Take()
	if err := store.Delete(t.Context(), s.SessionID, deletion); err != nil {
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
	s := session(nil)
	_, getErr := store.Get(t.Context(), s.SessionID)
	_, listErr := store.List(t.Context(), app.Query{Options: list.Options{Limit: 1}})
	_, updateErr := store.Update(t.Context(), s.SessionID, app.AccountOf{ID: s.AccountID, Reach: caller.Everything()}, change)
	_, removeErr := store.RemoveAccount(t.Context(), 1, 1, deletion)
	_, discardedErr := store.Discarded(t.Context(), s.SessionID)
	for _, err := range []error{
		getErr, listErr, updateErr, removeErr, discardedErr,
		create(t.Context(), store, s, 1),
		store.Delete(t.Context(), s.SessionID, deletion),
		store.ForgetDiscarded(t.Context(), s.SessionID, []string{"x"}),
	} {
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("error %v, want fault.Unavailable", err)
		}
	}
}

// The later pages of an export show the state of the first one: changes, deletions
// and creations in between are not in them.
func TestPagesOfOneState(t *testing.T) {
	store, _ := open(t)
	ids := []int64{1, 2, 3}
	create := func(id int64) {
		s := session(nil)
		s.SessionID = id
		if err := create(t.Context(), store, s, 1); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range ids {
		create(id)
	}
	q := app.Query{Options: list.Options{Limit: 1}}
	page, err := store.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Update(t.Context(), 2, app.AccountOf{Reach: caller.Everything()}, change); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context(), 3, deletion); err != nil {
		t.Fatal(err)
	}
	create(4)
	q.At = page.Head.Time
	var got []int64
	for next := page.Next; next != nil; next = page.Next {
		got = append(got, page.Items[0].SessionID)
		q.After = next
		if page, err = store.List(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if v := page.Items[0].Version; v != 1 {
			t.Errorf("session %d has the version %d", page.Items[0].SessionID, v)
		}
	}
	if got = append(got, page.Items[0].SessionID); !slices.Equal(got, ids) {
		t.Errorf("the pages have %v, want %v", got, ids)
	}
}
