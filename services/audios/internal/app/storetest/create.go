package storetest

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func testCreateAndGet(t *testing.T, b Backend) {
	a := newAudio()
	a.AccountID = new(newID())
	got := mustCreate(t, b, a)
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("Create (-want +got):\n%s", diff)
	}
	want(t, b, a)
	wantHistory(t, b, a.SessionID, event(events.AudioCreatedV1, a.SessionID, 1))
}

func testExtremes(t *testing.T, b Backend) {
	for _, id := range []int64{0, domain.MaxID} {
		a := newAudio()
		a.SessionID = id
		a.Ticks[0], a.Ticks[1], a.Ticks[2] = -100, math.Nextafter(-100, 0), math.Nextafter(-10, -100)
		a.SelectedTick, a.StepCount = 0, 0
		if id == domain.MaxID {
			a.SelectedTick, a.StepCount = 14, 9
			a.AccountID = new(int64(domain.MaxID))
		}
		if err := b.Delete(t.Context(), id, deletion); err != nil && !errors.Is(err, domain.ErrNotFound) {
			t.Fatalf("Delete: %v", err)
		}
		want(t, b, mustCreate(t, b, a))
		mustDelete(t, b, id)
	}
}

func testGetMissing(t *testing.T, b Backend) {
	for _, id := range []int64{-1, newID()} {
		wantMissing(t, b, id)
	}
}

func testSessionTaken(t *testing.T, b Backend) {
	first, second := mustCreate(t, b, newAudio()), newAudio()
	second.SessionID = first.SessionID
	if _, err := create(t.Context(), b, second); !errors.Is(err, domain.ErrSessionTaken) {
		t.Fatalf("Create = %v, want ErrSessionTaken", err)
	}
	want(t, b, first)
	wantHistory(t, b, first.SessionID, event(events.AudioCreatedV1, first.SessionID, 1))
}

func testCreateRefused(t *testing.T, b Backend) {
	a := newAudio()
	_, err := b.Create(t.Context(), a.Session, caller.Everything(), idempotency.Request{}, func(int64) (domain.Audio, events.Event, error) {
		return a, event(events.AudioCreatedV1, a.SessionID, 1), errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Fatalf("Create = %v, want decide's error", err)
	}
	wantMissing(t, b, a.SessionID)
	wantHistory(t, b, a.SessionID)
}

func testSessionTakenAtOnce(t *testing.T, b Backend) {
	const clients = 20
	id := newID()
	results := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			a := newAudio()
			a.SessionID = id
			_, results[i] = create(t.Context(), b, a)
		})
	}
	wg.Wait()
	var won int
	for _, err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, domain.ErrSessionTaken) {
			t.Errorf("Create = %v, want ErrSessionTaken", err)
		}
	}
	if won != 1 {
		t.Errorf("%d created one session, want 1", won)
	}
	wantHistory(t, b, id, event(events.AudioCreatedV1, id, 1))
}

func testCreateAgain(t *testing.T, b Backend) {
	first := mustCreate(t, b, newAudio())
	id := first.SessionID
	mustDelete(t, b, id)
	again := newAudio()
	again.SessionID, again.Version = id, 3
	got := mustCreate(t, b, again)
	if diff := cmp.Diff(again, got); diff != "" {
		t.Errorf("Create (-want +got):\n%s", diff)
	}
	want(t, b, again)
	wantHistory(t, b, id,
		redacted(event(events.AudioCreatedV1, id, 1)), event(events.AudioDeletedV1, id, 2), event(events.AudioCreatedV1, id, 3))

	if _, err := create(t.Context(), b, again); !errors.Is(err, domain.ErrSessionTaken) {
		t.Errorf("Create = %v, want ErrSessionTaken", err)
	}
	mustDelete(t, b, id)
	if got := mustCreate(t, b, again); got.Version != 5 {
		t.Errorf("created for the third time at version %d, want 5", got.Version)
	}
}

// testChurnAtOnce has clients create and delete one session concurrently. In
// any order, the log has each version once.
func testChurnAtOnce(t *testing.T, b Backend) {
	const clients, each = 6, 5
	id := newID()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range each {
				a := newAudio()
				a.SessionID = id
				if _, err := create(t.Context(), b, a); err != nil && !errors.Is(err, domain.ErrSessionTaken) {
					t.Errorf("Create: %v", err)
				}
				if err := b.Delete(t.Context(), id, deletion); err != nil && !errors.Is(err, domain.ErrNotFound) {
					t.Errorf("Delete: %v", err)
				}
			}
		})
	}
	wg.Wait()
	told := eventlogtest.History(t, b.Log, app.Subject(id))
	if len(told) < 2 {
		t.Fatalf("the log has %d events", len(told))
	}
	for i, e := range told {
		if e.Version != int64(i)+1 {
			t.Fatalf("event %d of the log has version %d", i, e.Version)
		}
	}
}

func testCancelled(t *testing.T, b Backend) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := newAudio()
	if _, err := create(ctx, b, a); err == nil {
		t.Error("Create with a cancelled context succeeded")
	}
	wantMissing(t, b, a.SessionID)
}
