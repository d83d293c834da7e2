package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// batch returns items of n sessions, the first with the id first.
func batch(t *testing.T, first, n int64) (items []app.Item) {
	t.Helper()
	for id := range n {
		items = append(items, app.Item{Session: session(t, first+id), Document: large(fmt.Sprint(id))})
	}
	return items
}

// wantObjectsOf checks that the stored objects are exactly those of the
// sessions.
func (w *world) wantObjectsOf(t *testing.T, ids ...int64) {
	t.Helper()
	var want []string
	for _, id := range ids {
		a, err := w.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, a.File.Object)
	}
	got := w.objects(t)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

func TestRefusedItemsLeaveNoObject(t *testing.T) {
	w := newWorld(t)
	w.create(t, session(t, 7))
	if err := w.RemoveAccount(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	document := large("document")
	items := []app.Item{
		{Session: session(t, 8), Document: document},
		{Session: session(t, 7), Document: document},
		{Session: session(t, 8), Document: document},
		{Session: session(t, 9, of(5)), Document: document},
	}
	outcomes, err := w.CreateAll(t.Context(), items, idempotency.Request{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []*fault.Error{nil, domain.ErrSessionTaken, domain.ErrSessionTaken, domain.ErrAccountDeleted} {
		if got := outcomes[i].Refused; got != want {
			t.Errorf("item %d: %v, want %v", i, got, want)
		}
	}
	w.wantObjectsOf(t, 7, 8)
}

// breaking is a store that loses its connection during one of its batches,
// before or after the commit.
type breaking struct {
	app.Database
	at     int
	commit bool
}

func (b *breaking) CreateAll(ctx context.Context, s []domain.Session, accounts caller.Reach, once idempotency.Request, decide func(int, int64) (domain.Audio, events.Event, error), refuse func(*fault.Error) error) ([]app.Outcome, error) {
	b.at--
	if b.at == 0 {
		if b.commit {
			if _, err := b.Database.CreateAll(ctx, s, accounts, once, decide, refuse); err != nil {
				return nil, err
			}
		}
		return nil, errLost
	}
	return b.Database.CreateAll(ctx, s, accounts, once, decide, refuse)
}

func TestABatchGoesOnWhereItBroke(t *testing.T) {
	for _, commit := range []bool{false, true} {
		for at := 1; at <= 3; at++ {
			t.Run(fmt.Sprintf("at group %d, committed %t", at, commit), func(t *testing.T) {
				w := newWorld(t)
				const n = 600
				items := batch(t, 0, n)
				items[n-1].Session = items[0].Session // in another group
				once := idempotency.Request{Key: [32]byte{1}, Body: [32]byte{2}}
				s := w.service(&breaking{w.store, at, commit}, w.files)
				if _, err := s.CreateAll(t.Context(), items, once); !errors.Is(err, errLost) {
					t.Fatalf("CreateAll = %v, want the store's error", err)
				}
				before := len(w.told(t))
				created := 250 * (at - 1)
				if commit {
					created = min(250*at, n-1)
				}
				if before != created {
					t.Errorf("%d events before the retry, want %d", before, created)
				}
				outcomes, err := s.CreateAll(t.Context(), items, once)
				if err != nil {
					t.Fatal(err)
				}
				again, err := s.CreateAll(t.Context(), items, once)
				if err != nil || !cmp.Equal(outcomes, again, cmpopts.IgnoreUnexported(fault.Error{})) {
					t.Errorf("the third time it came to something else, %v", err)
				}
				for i, o := range outcomes {
					if i < n-1 && (o.Refused != nil || o.Result.SessionID != int64(i) || o.Result.Version != 1) {
						t.Errorf("item %d: %+v", i, o)
					}
				}
				if got := outcomes[n-1].Refused; !errors.Is(got, domain.ErrSessionTaken) {
					t.Errorf("the last item: %v, want ErrSessionTaken", got)
				}
				if told := w.told(t); len(told) != n-1 {
					t.Errorf("%d events, want %d", len(told), n-1)
				}
				for id := range int64(n - 1) {
					if a, err := w.Get(t.Context(), id); err != nil || a.File.Object != outcomes[id].Result.File.Object {
						t.Errorf("session %d: %+v, %v", id, a, err)
					}
				}
			})
		}
	}
}

func TestABatchWithoutAKeyIsJudgedAnew(t *testing.T) {
	w := newWorld(t)
	items := batch(t, 0, 300)
	for i, want := range []*fault.Error{nil, domain.ErrSessionTaken} {
		outcomes, err := w.CreateAll(t.Context(), items, idempotency.Request{})
		if err != nil {
			t.Fatal(err)
		}
		for at, o := range outcomes {
			if o.Refused != want {
				t.Fatalf("time %d, item %d: %v, want %v", i, at, o.Refused, want)
			}
		}
	}
	if told := w.told(t); len(told) != len(items) {
		t.Errorf("%d events, want %d", len(told), len(items))
	}
}

// filling is an object store with space for a few objects.
type filling struct {
	app.Files
	left atomic.Int64
}

func (f *filling) Put(ctx context.Context, name, contentType string, content io.Reader) error {
	if f.left.Add(-1) < 0 {
		return errLost
	}
	return f.Files.Put(ctx, name, contentType, content)
}

func TestABatchWithoutRoomForItsFiles(t *testing.T) {
	w := newWorld(t)
	files := &filling{Files: w.files}
	files.left.Store(280)
	if _, err := w.service(w.store, files).CreateAll(t.Context(), batch(t, 0, 400), idempotency.Request{}); !errors.Is(err, errLost) {
		t.Fatalf("CreateAll = %v, want the object store's error", err)
	}
	if told := w.told(t); len(told) != 250 {
		t.Errorf("%d events, want those of the first group", len(told))
	}
}

func TestARepeatedBatchStoresNoFile(t *testing.T) {
	w := newWorld(t)
	files := &filling{Files: w.files}
	files.left.Store(300)
	s := w.service(w.store, files)
	once := idempotency.Request{Key: [32]byte{1}, Body: [32]byte{2}}
	items := batch(t, 0, 300)
	for range 2 { // there is no space for a second time
		if _, err := s.CreateAll(t.Context(), items, once); err != nil {
			t.Fatal(err)
		}
	}
}

// counting is an object store that counts concurrent calls of Put.
type counting struct {
	app.Files
	now, most atomic.Int64
}

func (c *counting) Put(ctx context.Context, name, contentType string, content io.Reader) error {
	now := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
	}
	return c.Files.Put(ctx, name, contentType, content)
}

func TestBatchesShareABoundOfFilesAtOnce(t *testing.T) {
	w := newWorld(t)
	files := &counting{Files: w.files}
	s := w.service(w.store, files)
	once := idempotency.Request{Key: [32]byte{1}, Body: [32]byte{2}}
	items := batch(t, 0, 50)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := s.CreateAll(t.Context(), items, once); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most := files.most.Load(); most < 2 || most > 64 {
		t.Errorf("%d files at once, want 2 to 64", most)
	}
	var ids []int64
	for _, item := range items {
		ids = append(ids, item.Session.SessionID)
	}
	w.wantObjectsOf(t, ids...)
}

// An earlier release recorded smaller groups. A repetition continues after them.
func TestABatchGoesOnAfterASmallerGroup(t *testing.T) {
	w := newWorld(t)
	items := batch(t, 0, 300)
	items[200].Document = large("in the second group")
	once := idempotency.Request{Key: [32]byte{1}, Body: [32]byte{2}}
	if _, err := w.CreateAll(t.Context(), items[:100], once); err != nil {
		t.Fatal(err)
	}
	outcomes, err := w.CreateAll(t.Context(), items, once)
	if err != nil || len(outcomes) != len(items) {
		t.Fatalf("%d outcomes, %v, want %d", len(outcomes), err, len(items))
	}
	for i, o := range outcomes {
		if o.Refused != nil || o.Result.SessionID != int64(i) {
			t.Errorf("item %d: %+v", i, o)
		}
	}
	if told := w.told(t); len(told) != len(items) {
		t.Errorf("%d events, want %d", len(told), len(items))
	}
}
