package storetest

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func testUpdate(t *testing.T, b Backend) {
	a := mustCreate(t, b, newAudio())
	next := newAudio()
	next.SessionID, next.AccountID, next.SelectedTick, next.StepCount = a.SessionID, new(newID()), 14, 9
	next.Version, next.UpdatedAt = 2, epoch.Add(time.Hour)
	updated := event(events.AudioUpdatedV1, a.SessionID, 2)
	got, err := b.Update(t.Context(), next.SessionID, app.AccountOf{ID: next.AccountID, Reach: caller.Everything()}, func(current domain.Audio) (domain.Audio, events.Event, error) {
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
	wantHistory(t, b, a.SessionID, event(events.AudioCreatedV1, a.SessionID, 1), updated)

	if next, err = move(t.Context(), b, a.Session, nil); err != nil {
		t.Fatalf("Update: %v", err)
	}
	want(t, b, next)
}

func testUpdateNothing(t *testing.T, b Backend) {
	a := mustCreate(t, b, newAudio())
	got, err := b.Update(t.Context(), a.SessionID, app.AccountOf{ID: a.AccountID, Reach: caller.Everything()}, func(current domain.Audio) (domain.Audio, events.Event, error) {
		return current, events.Event{}, nil
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("Update (-want +got):\n%s", diff)
	}
	want(t, b, a)
	wantHistory(t, b, a.SessionID, event(events.AudioCreatedV1, a.SessionID, 1))
}

func testUpdateRefused(t *testing.T, b Backend) {
	a := mustCreate(t, b, newAudio())
	_, err := b.Update(t.Context(), a.SessionID, app.AccountOf{ID: a.AccountID, Reach: caller.Everything()}, func(current domain.Audio) (domain.Audio, events.Event, error) {
		current.StepCount, current.Version = 1, 2
		return current, event(events.AudioUpdatedV1, a.SessionID, 2), errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Fatalf("Update = %v, want decide's error", err)
	}
	want(t, b, a)
	wantHistory(t, b, a.SessionID, event(events.AudioCreatedV1, a.SessionID, 1))
}

func testUpdateMissing(t *testing.T, b Backend) {
	_, err := update(t.Context(), b, newAudio().Session, func(*domain.Audio) { t.Error("decide was called") })
	if !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Update = %v, want ErrNotFound", err)
	}
}

func testUpdatesAtOnce(t *testing.T, b Backend) {
	const writers, each = 8, 5
	a := newAudio()
	a.Ticks[7] = -100
	mustCreate(t, b, a)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if _, err := update(t.Context(), b, a.Session, func(a *domain.Audio) { a.Ticks[7]++ }); err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	got, err := b.Get(t.Context(), a.SessionID)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if got.Version != 1+writers*each || got.Ticks[7] != -100+writers*each {
		t.Errorf("version %d, tick %v: an update was lost", got.Version, got.Ticks[7])
	}
	for i, e := range eventlogtest.History(t, b.Log, app.Subject(a.SessionID)) {
		if e.Version != int64(i)+1 {
			t.Fatalf("event %d of the log has version %d", i, e.Version)
		}
	}
}

func testDelete(t *testing.T, b Backend) {
	a := mustCreate(t, b, newAudio())
	if _, err := update(t.Context(), b, a.Session, func(a *domain.Audio) { a.StepCount = 1 }); err != nil {
		t.Fatalf("Update: %v", err)
	}
	mustDelete(t, b, a.SessionID)
	wantMissing(t, b, a.SessionID)
	wantHistory(t, b, a.SessionID,
		redacted(event(events.AudioCreatedV1, a.SessionID, 1)), redacted(event(events.AudioUpdatedV1, a.SessionID, 2)),
		event(events.AudioDeletedV1, a.SessionID, 3))
}

// An adapter may redact a long history in several transactions, but not before
// the deletion is allowed, and completely by its end.
func testDeleteAfterManyChanges(t *testing.T, b Backend) {
	account := newID()
	for _, remove := range []func(decide func(domain.Audio) (events.Event, error)) error{
		func(decide func(domain.Audio) (events.Event, error)) error {
			return b.Delete(t.Context(), listed(t, b, app.Query{AccountID: one(account), Options: list.Options{Limit: 1}})[0], decide)
		},
		func(decide func(domain.Audio) (events.Event, error)) error {
			_, err := b.RemoveAccount(t.Context(), account, 1, decide)
			return err
		},
	} {
		a := mustCreate(t, b, newAudioOf(account))
		told := []events.Event{event(events.AudioCreatedV1, a.SessionID, 1)}
		for range 10 {
			next, err := update(t.Context(), b, a.Session, func(a *domain.Audio) { a.StepCount = 9 - a.StepCount })
			if err != nil {
				t.Fatalf("Update: %v", err)
			}
			told = append(told, event(events.AudioUpdatedV1, a.SessionID, next.Version))
		}
		if err := remove(refuse); !errors.Is(err, errRefused) {
			t.Fatalf("deletion: %v, want decide's error", err)
		}
		wantHistory(t, b, a.SessionID, told...)
		if err := remove(deletion); err != nil {
			t.Fatalf("deletion: %v", err)
		}
		wantMissing(t, b, a.SessionID)
		for i := range told {
			told[i] = redacted(told[i])
		}
		wantHistory(t, b, a.SessionID, append(told, event(events.AudioDeletedV1, a.SessionID, 12))...)
	}
}

func testDeleteRefused(t *testing.T, b Backend) {
	a := mustCreate(t, b, newAudio())
	if err := b.Delete(t.Context(), a.SessionID, refuse); !errors.Is(err, errRefused) {
		t.Fatalf("Delete = %v, want decide's error", err)
	}
	want(t, b, a)
	wantHistory(t, b, a.SessionID, event(events.AudioCreatedV1, a.SessionID, 1))
}

func testDeleteMissing(t *testing.T, b Backend) {
	id := newID()
	if err := b.Delete(t.Context(), id, deletion); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Delete = %v, want ErrNotFound", err)
	}
	wantHistory(t, b, id)
}

func wantDiscarded(t *testing.T, b Backend, id int64, want ...string) {
	t.Helper()
	got, err := b.Discarded(t.Context(), id)
	if err != nil {
		t.Fatalf("Discarded: %v", err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("discarded (-want +got):\n%s", diff)
	}
}

func testDiscards(t *testing.T, b Backend) {
	a := newAudio()
	a.File.Object = "one"
	mustCreate(t, b, a)
	edit := func(edit func(*domain.Audio)) {
		if _, err := update(t.Context(), b, a.Session, edit); err != nil {
			t.Fatalf("Update: %v", err)
		}
	}
	wantDiscarded(t, b, a.SessionID)
	edit(func(a *domain.Audio) { a.StepCount = 1 }) // the same object is not discarded
	wantDiscarded(t, b, a.SessionID)
	edit(func(a *domain.Audio) { a.File.Object = "two" })
	wantDiscarded(t, b, a.SessionID, "one")
	edit(func(a *domain.Audio) { a.File.Object = "three" })
	wantDiscarded(t, b, a.SessionID, "one", "two")
	for range 2 { // idempotent
		if err := b.ForgetDiscarded(t.Context(), a.SessionID, []string{"one"}); err != nil {
			t.Fatalf("ForgetDiscarded: %v", err)
		}
	}
	wantDiscarded(t, b, a.SessionID, "two")
	mustDelete(t, b, a.SessionID)
	wantDiscarded(t, b, a.SessionID, "three", "two")
	a.File.Object = "four"
	mustCreate(t, b, a)
	wantDiscarded(t, b, a.SessionID, "three", "two")
}

// testNoObject removes the object of an audio's file, and adds one again.
func testNoObject(t *testing.T, b Backend) {
	a := mustCreate(t, b, newAudio())
	object := a.File.Object
	for _, next := range []string{"", "", "other", ""} {
		updated, err := update(t.Context(), b, a.Session, func(a *domain.Audio) { a.File.Object = next })
		if err != nil {
			t.Fatalf("Update: %v", err)
		}
		want(t, b, updated)
	}
	wantDiscarded(t, b, a.SessionID, slices.Sorted(slices.Values([]string{object, "other"}))...)
	mustDelete(t, b, a.SessionID)
	wantDiscarded(t, b, a.SessionID, slices.Sorted(slices.Values([]string{object, "other"}))...)
}
