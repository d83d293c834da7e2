package storetest

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/resource/resourcetest"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

type changes = resourcetest.Suite[domain.Audio]

func newChanges(b Backend) *changes {
	return &changes{
		Log: b.Log, Missing: domain.ErrNotFound, Event: event, NewID: newID,
		Created: events.AudioCreatedV1, Updated: events.AudioUpdatedV1, Deleted: events.AudioDeletedV1,
		Create: func(ctx context.Context) (domain.Audio, error) { return create(ctx, b, newAudioOf(newID())) },
		Get:    b.Get,
		Update: func(ctx context.Context, a domain.Audio, decide func(domain.Audio) (domain.Audio, events.Event, error)) (domain.Audio, error) {
			return b.Update(ctx, a.SessionID, app.AccountOf{ID: a.AccountID, Reach: caller.Everything()}, decide)
		},
		Delete: b.Delete,
		Edit: func(a domain.Audio) domain.Audio {
			a.Ticks[7]++
			a.Meta = a.Next(epoch)
			return a
		},
		Edits: func(before, after domain.Audio) int { return int(math.Round(after.Ticks[7] - before.Ticks[7])) },
	}
}

// onChanges returns a test that runs one of the changes of a backend.
func onChanges(run func(*changes, *testing.T)) func(*testing.T, Backend) {
	return func(t *testing.T, b Backend) { run(newChanges(b), t) }
}

// testRemoveAfterManyChanges is DeleteAfterManyChanges for the removal of an account.
func testRemoveAfterManyChanges(t *testing.T, b Backend) {
	s := newChanges(b)
	s.Delete = func(ctx context.Context, id int64, decide func(domain.Audio) (events.Event, error)) error {
		a, err := b.Get(ctx, id)
		if err == nil {
			_, err = b.RemoveAccount(ctx, *a.AccountID, 1, decide)
		}
		return err
	}
	s.DeleteAfterManyChanges(t)
}

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
