// Package custodytest tests custody on a database and an object store.
package custodytest

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/blob"
	"github.com/concha-labs/backend/pkg/custody"
)

// Objects is an object store with a marker.
type Objects interface {
	blob.Store
	blob.Marker
}

// Backend is what the suite runs on. Both functions return something new and
// empty.
type Backend struct {
	Database func(t *testing.T) custody.Database
	Objects  func(t *testing.T) Objects
}

// Run tests what custody.Database and custody.Keeper promise.
func Run(t *testing.T, backend Backend) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *world)
	}{
		{"identity", testIdentity},
		{"new database and empty store", testNew},
		{"replicas", testReplicas},
		{"replica that reads the marker too early", testEarlyRead},
		{"two databases on one store", testTwoDatabases},
		{"database made anew", testDatabaseMadeAnew},
		{"older copy of the database", testOlderCopy},
		{"database that knows that it lost transactions", testRolledBack},
		{"marker that is gone", testMarkerGone},
		{"store from before there were markers", testUnmarkedStore},
		{"marker that cannot be read", testStrangeMarker},
		{"sweep", testSweep},
		{"sweep of mostly orphans", testMostlyOrphans},
		{"adoption", testAdoption},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.test(t, &world{Backend: backend, db: backend.Database(t), objects: backend.Objects(t), rows: map[string]bool{}})
		})
	}
}

type world struct {
	Backend
	db      custody.Database
	objects Objects
	rows    map[string]bool // the objects to which rows refer
	ahead   time.Duration   // of the clock
}

func (w *world) keeper(service string, db custody.Database) *custody.Keeper {
	return custody.New(service, db, w.objects, w.referenced, custody.Sources{
		Now: func() time.Time { return time.Now().Add(w.ahead) }, NewID: rand.Text,
	}, zap.NewNop())
}

func (w *world) referenced(_ context.Context, names []string) (map[string]bool, error) {
	result := map[string]bool{}
	for _, name := range names {
		if !strings.HasPrefix(name, "foreign/") {
			result[name] = w.rows[name]
		}
	}
	return result, nil
}

// put stores objects, of which rows refer to the first few.
func (w *world) put(t *testing.T, referenced int, names ...string) {
	t.Helper()
	for i, name := range names {
		if err := w.objects.Put(t.Context(), name, "", strings.NewReader(name)); err != nil {
			t.Fatal(err)
		}
		w.rows[name] = i < referenced
	}
}

func (w *world) wantObjects(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	if err := w.objects.List(t.Context(), "", time.Time{}, time.Now().Add(time.Hour), func(name string) error {
		got = append(got, name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

// wantRefusal checks that the keeper has no custody, for that reason, and that
// it deletes nothing.
func (w *world) wantRefusal(t *testing.T, k *custody.Keeper, reason error) {
	t.Helper()
	if err := k.Confirm(t.Context()); !errors.Is(err, reason) {
		t.Errorf("Confirm = %v, want %v", err, reason)
	}
	if err := k.Check(t.Context()); !errors.Is(err, reason) || !strings.Contains(err.Error(), "adopt") {
		t.Errorf("Check = %v, want %v, and advice", err, reason)
	}
	w.ahead = 2 * time.Hour
	if n, err := k.Sweep(t.Context()); n != 0 || !errors.Is(err, reason) {
		t.Errorf("Sweep = %d, %v, want %v", n, err, reason)
	}
	w.ahead = 0
}

func wantCustody(t *testing.T, keepers ...*custody.Keeper) {
	t.Helper()
	for _, k := range keepers {
		if err := errors.Join(k.Confirm(t.Context()), k.Check(t.Context())); err != nil {
			t.Errorf("no custody: %v", err)
		}
	}
}

func identity(t *testing.T, db custody.Database) custody.Identity {
	t.Helper()
	got, err := db.Update(t.Context(), func(current custody.Identity) (custody.Identity, error) { return current, nil })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func set(t *testing.T, db custody.Database, change func(*custody.Identity)) {
	t.Helper()
	if _, err := db.Update(t.Context(), func(current custody.Identity) (custody.Identity, error) {
		change(&current)
		return current, nil
	}); err != nil {
		t.Fatal(err)
	}
}

func testIdentity(t *testing.T, w *world) {
	if got := identity(t, w.db); got != (custody.Identity{}) {
		t.Errorf("a new database has %+v", got)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	want := custody.Identity{
		ID: "a", Generation: 7, Bound: true, KeepBefore: at,
		Sweep: custody.Progress{Began: at, After: "a/b", Used: 3, Unused: 2, Holder: "x", Until: at.Add(time.Minute)},
	}
	set(t, w.db, func(i *custody.Identity) { *i = want })
	if diff := cmp.Diff(want, identity(t, w.db)); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	refusal := errors.New("refused")
	if _, err := w.db.Update(t.Context(), func(custody.Identity) (custody.Identity, error) {
		return custody.Identity{ID: "b"}, refusal
	}); !errors.Is(err, refusal) {
		t.Errorf("Update = %v, want the error of change", err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { set(t, w.db, func(i *custody.Identity) { i.Generation++ }) })
	}
	wg.Wait()
	want.Generation += 8
	if diff := cmp.Diff(want, identity(t, w.db)); diff != "" {
		t.Errorf("identity after concurrent updates (-want +got):\n%s", diff)
	}
}

func testNew(t *testing.T, w *world) {
	k := w.keeper("one", w.db)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if k.Check(over) == nil {
		t.Error("custody is reported before it is confirmed")
	}
	first := make(chan error)
	go func() { first <- k.Check(t.Context()) }()
	wantCustody(t, k)
	if err := <-first; err != nil {
		t.Errorf("Check = %v, want it to wait until custody is confirmed", err)
	}
	before := identity(t, w.db)
	w.put(t, 1, "1/a")
	wantCustody(t, k, w.keeper("one", w.db))
	if after := identity(t, w.db); after.ID != before.ID || after.Generation <= before.Generation || !after.Bound {
		t.Errorf("identity was %+v, is %+v", before, after)
	}
	w.wantObjects(t, "1/a") // the marker is none
}

func testReplicas(t *testing.T, w *world) {
	var wg sync.WaitGroup
	errs := make(chan error, 4)
	for range cap(errs) {
		wg.Go(func() {
			k := w.keeper("one", w.db)
			errs <- k.Confirm(t.Context())
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil && !errors.Is(err, blob.ErrMarkerChanged) {
			t.Errorf("Confirm = %v", err)
		}
	}
	wantCustody(t, w.keeper("one", w.db))
}

// testEarlyRead has one replica read that there is no marker, and another one
// write it before the first goes on.
func testEarlyRead(t *testing.T, w *world) {
	other := w.keeper("one", w.db)
	w.objects = &early{Objects: w.objects, then: func() { wantCustody(t, other) }}
	wantCustody(t, w.keeper("one", w.db))
}

// early calls then once, after its first read of the marker.
type early struct {
	Objects

	then func()
}

func (e *early) ReadMarker(ctx context.Context) ([]byte, error) {
	content, err := e.Objects.ReadMarker(ctx)
	if then := e.then; then != nil {
		e.then = nil
		then()
	}
	return content, err
}

func testTwoDatabases(t *testing.T, w *world) {
	one, two := w.keeper("one", w.db), w.keeper("two", w.Database(t))
	wantCustody(t, one)
	w.put(t, 0, "1/a")
	w.wantRefusal(t, two, custody.ErrForeign)
	if err := two.Check(t.Context()); !strings.Contains(err.Error(), "database of one") {
		t.Errorf("Check = %v, want the name of the other service", err)
	}
	w.wantObjects(t, "1/a")
	wantCustody(t, one)
}

func testDatabaseMadeAnew(t *testing.T, w *world) {
	wantCustody(t, w.keeper("one", w.db))
	w.put(t, 0, "1/a", "2/b")
	k := w.keeper("one", w.Database(t))
	w.wantRefusal(t, k, custody.ErrForeign)
	w.wantObjects(t, "1/a", "2/b")
}

func testOlderCopy(t *testing.T, w *world) {
	k := w.keeper("one", w.db)
	wantCustody(t, k)
	copied := identity(t, w.db)
	wantCustody(t, k)
	w.put(t, 0, "1/a")
	set(t, w.db, func(i *custody.Identity) { *i = copied })
	w.wantRefusal(t, k, custody.ErrRolledBack)
	w.wantRefusal(t, w.keeper("one", w.db), custody.ErrRolledBack)
	w.wantObjects(t, "1/a")
}

// rolledBack is a database that lost its latest transactions, until that is
// accepted.
type rolledBack struct {
	custody.Database
	accepted bool
}

func (r *rolledBack) Update(ctx context.Context, change func(custody.Identity) (custody.Identity, error)) (custody.Identity, error) {
	next, err := r.Database.Update(ctx, func(current custody.Identity) (custody.Identity, error) {
		current.RolledBack = !r.accepted
		next, err := change(current)
		next.RolledBack = false
		return next, err
	})
	r.accepted = r.accepted || err == nil
	return next, err
}

func testRolledBack(t *testing.T, w *world) {
	wantCustody(t, w.keeper("one", &rolledBack{Database: w.Database(t)})) // it is new, and so is the store
	w.objects = w.Objects(t)
	wantCustody(t, w.keeper("one", w.db))
	w.put(t, 0, "1/a")
	k := w.keeper("one", &rolledBack{Database: w.db})
	w.wantRefusal(t, k, custody.ErrRolledBack)
	w.wantObjects(t, "1/a")
	if err := k.Adopt(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	wantCustody(t, k)
}

func testMarkerGone(t *testing.T, w *world) {
	k := w.keeper("one", w.db)
	wantCustody(t, k)
	w.objects = w.Objects(t) // another store
	w.put(t, 1, "1/a", "2/b")
	w.wantRefusal(t, w.keeper("one", w.db), custody.ErrUnmarked)
	w.wantObjects(t, "1/a", "2/b")
}

func testUnmarkedStore(t *testing.T, w *world) {
	w.put(t, 2, "1/a", "1/b", "2/c", "2/d", "3/e")
	w.put(t, 0, "foreign/x", "foreign/y", "foreign/z")
	w.wantRefusal(t, w.keeper("one", w.db), custody.ErrUnmarked)
	w.rows["2/c"] = true
	wantCustody(t, w.keeper("one", w.db))
	w.wantRefusal(t, w.keeper("two", w.Database(t)), custody.ErrForeign)
}

func testStrangeMarker(t *testing.T, w *world) {
	if err := w.objects.WriteMarker(t.Context(), nil, []byte("mine")); err != nil {
		t.Fatal(err)
	}
	w.wantRefusal(t, w.keeper("one", w.db), custody.ErrForeign)
}

func testSweep(t *testing.T, w *world) {
	k := w.keeper("one", w.db)
	w.put(t, 3, "1/a", "1/b", "2/c", "2/d", "3/e", "foreign/x")
	if n, err := k.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("Sweep = %d, %v at once; want uploads under way left alone", n, err)
	}
	w.ahead = 2 * time.Hour
	if n, err := k.Sweep(t.Context()); n != 2 || err != nil {
		t.Errorf("Sweep = %d, %v; want 2", n, err)
	}
	w.wantObjects(t, "1/a", "1/b", "2/c", "foreign/x")
	if p := identity(t, w.db).Sweep; p.After != "" || p.Holder != "" || p.Used != 3 || p.Unused != 2 {
		t.Errorf("the pass has ended with %+v", p)
	}
}

func testMostlyOrphans(t *testing.T, w *world) {
	k := w.keeper("one", w.db)
	wantCustody(t, k)
	names := []string{"1/a", "1/b", "2/c", "2/d", "3/e"}
	w.put(t, 2, names...)
	w.ahead = 2 * time.Hour
	if n, err := k.Sweep(t.Context()); n != 0 || !errors.Is(err, custody.ErrMostlyOrphans) {
		t.Errorf("Sweep = %d, %v; want ErrMostlyOrphans", n, err)
	}
	w.wantObjects(t, names...)
}

func testAdoption(t *testing.T, w *world) {
	other := w.Database(t)
	wantCustody(t, w.keeper("one", other))
	w.put(t, 3, "1/a", "1/b", "2/c", "2/d")
	k := w.keeper("one", w.db)
	w.wantRefusal(t, k, custody.ErrForeign)
	var out strings.Builder
	if err := k.Adopt(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "3 of its objects; 1 others") || !slices.Contains(strings.Split(out.String(), "\n"), "2/d") {
		t.Errorf("it says %q", &out)
	}
	wantCustody(t, k, w.keeper("one", w.db))
	w.wantRefusal(t, w.keeper("one", other), custody.ErrForeign)
	w.ahead = 2 * time.Hour
	if n, err := k.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("Sweep = %d, %v; want what was there before the adoption kept", n, err)
	}
	w.wantObjects(t, "1/a", "1/b", "2/c", "2/d")
	before := identity(t, w.db)
	if err := k.Adopt(t.Context(), io.Discard); err != nil || identity(t, w.db).ID != before.ID {
		t.Errorf("again: %v, and the identity was %+v, is %+v", err, before, identity(t, w.db))
	}
}
