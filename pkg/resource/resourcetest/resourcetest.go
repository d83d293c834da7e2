// Package resourcetest is the conformance suite of the changes and deletions of
// resources in a store, which are the same for every kind of resource.
package resourcetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/resource"
)

// Suite tests a store of resources T, which may contain other resources. Its tests
// may run in any order.
type Suite[T resource.Resource] struct {
	Log                       eventlog.Log
	Missing                   error // the error for a resource that does not exist
	Created, Updated, Deleted string
	// Event returns an event of a resource.
	Event func(eventType string, id, version int64) events.Event
	NewID func() int64 // returns the id of no resource
	// Create adds a new resource with the Event of Created.
	Create func(ctx context.Context) (T, error)
	Get    func(ctx context.Context, id int64) (T, error)
	Update func(ctx context.Context, a T, decide func(current T) (T, events.Event, error)) (T, error)
	Delete func(ctx context.Context, id int64, decide func(current T) (events.Event, error)) error
	// Edit returns a at the next version, with a difference. Edits returns how often
	// before was edited to become after.
	Edit  func(a T) T
	Edits func(before, after T) int
}

var errRefused = errors.New("refused")

func (s *Suite[T]) create(t *testing.T) T {
	t.Helper()
	a, err := s.Create(t.Context())
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	return a
}

func (s *Suite[T]) edit(t *testing.T, a T) (T, error) {
	return s.Update(t.Context(), a, func(current T) (T, events.Event, error) {
		next := s.Edit(current)
		return next, s.Event(s.Updated, a.Key(), next.Metadata().Version), nil
	})
}

func refuse[T any](T) (events.Event, error) { return events.Event{}, errRefused }

func (s *Suite[T]) remove(t *testing.T, id int64) error {
	return s.Delete(t.Context(), id, func(current T) (events.Event, error) {
		return s.Event(s.Deleted, id, current.Metadata().Version+1), nil
	})
}

// want checks that the store has a, and its events.
func (s *Suite[T]) want(t *testing.T, a T, history ...events.Event) {
	t.Helper()
	got, err := s.Get(t.Context(), a.Key())
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	s.wantHistory(t, a.Key(), history...)
}

// wantDeleted checks that the store does not have a resource, but its events.
func (s *Suite[T]) wantDeleted(t *testing.T, id int64, history ...events.Event) {
	t.Helper()
	if _, err := s.Get(t.Context(), id); !errors.Is(err, s.Missing) {
		t.Errorf("Get(%d) = %v, want %v", id, err, s.Missing)
	}
	s.wantHistory(t, id, history...)
}

func (s *Suite[T]) wantHistory(t *testing.T, id int64, want ...events.Event) {
	t.Helper()
	subject := s.Event("", id, 1).Subject
	if diff := cmp.Diff(want, eventlogtest.History(t, s.Log, subject)); diff != "" {
		t.Errorf("event log (-want +got):\n%s", diff)
	}
}

// UpdateNothing decides for the current state.
func (s *Suite[T]) UpdateNothing(t *testing.T) {
	a := s.create(t)
	got, err := s.Update(t.Context(), a, func(current T) (T, events.Event, error) { return current, events.Event{}, nil })
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("Update (-want +got):\n%s", diff)
	}
	s.want(t, a, s.Event(s.Created, a.Key(), 1))
}

// UpdateRefused decides for an error.
func (s *Suite[T]) UpdateRefused(t *testing.T) {
	a := s.create(t)
	if _, err := s.Update(t.Context(), a, func(current T) (T, events.Event, error) {
		return s.Edit(current), s.Event(s.Updated, a.Key(), 2), errRefused
	}); !errors.Is(err, errRefused) {
		t.Fatalf("Update = %v, want decide's error", err)
	}
	s.want(t, a, s.Event(s.Created, a.Key(), 1))
}

// UpdateMissing updates a resource that was deleted.
func (s *Suite[T]) UpdateMissing(t *testing.T) {
	a := s.create(t)
	if err := s.remove(t, a.Key()); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	if _, err := s.Update(t.Context(), a, func(current T) (T, events.Event, error) {
		t.Error("decide was called")
		return current, events.Event{}, nil
	}); !errors.Is(err, s.Missing) {
		t.Errorf("Update = %v, want %v", err, s.Missing)
	}
}

// UpdatesAtOnce updates a resource from several goroutines.
func (s *Suite[T]) UpdatesAtOnce(t *testing.T) {
	const writers, each = 8, 5
	a := s.create(t)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if _, err := s.edit(t, a); err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	got, err := s.Get(t.Context(), a.Key())
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if version, edits := got.Metadata().Version, s.Edits(a, got); version != 1+writers*each || edits != writers*each {
		t.Errorf("version %d with %d edits: an update was lost", version, edits)
	}
	told := []events.Event{s.Event(s.Created, a.Key(), 1)}
	for i := range int64(writers * each) {
		told = append(told, s.Event(s.Updated, a.Key(), 2+i))
	}
	s.wantHistory(t, a.Key(), told...)
}

// DeleteRefused decides for an error.
func (s *Suite[T]) DeleteRefused(t *testing.T) {
	a := s.create(t)
	if err := s.Delete(t.Context(), a.Key(), refuse[T]); !errors.Is(err, errRefused) {
		t.Fatalf("Delete = %v, want decide's error", err)
	}
	s.want(t, a, s.Event(s.Created, a.Key(), 1))
}

// DeleteMissing deletes a resource that does not exist.
func (s *Suite[T]) DeleteMissing(t *testing.T) {
	id := s.NewID()
	if err := s.remove(t, id); !errors.Is(err, s.Missing) {
		t.Errorf("Delete = %v, want %v", err, s.Missing)
	}
	s.wantDeleted(t, id)
}

// DeleteAfterChange deletes a resource that was changed once.
func (s *Suite[T]) DeleteAfterChange(t *testing.T) { s.deleteAfter(t, 1) }

// DeleteAfterManyChanges deletes a resource with a long history. A store may redact
// it in several transactions, but not before the deletion is allowed, and completely
// by its end.
func (s *Suite[T]) DeleteAfterManyChanges(t *testing.T) { s.deleteAfter(t, 10) }

func (s *Suite[T]) deleteAfter(t *testing.T, changes int) {
	a := s.create(t)
	told := []events.Event{s.Event(s.Created, a.Key(), 1)}
	for range changes {
		next, err := s.edit(t, a)
		if err != nil {
			t.Fatalf("Update: %v", err)
		}
		told = append(told, s.Event(s.Updated, a.Key(), next.Metadata().Version))
	}
	if err := s.Delete(t.Context(), a.Key(), refuse[T]); !errors.Is(err, errRefused) {
		t.Fatalf("Delete = %v, want decide's error", err)
	}
	s.wantHistory(t, a.Key(), told...)
	if err := s.remove(t, a.Key()); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	for i := range told {
		told[i].Data = []byte(events.Redacted)
	}
	s.wantDeleted(t, a.Key(), append(told, s.Event(s.Deleted, a.Key(), int64(changes)+2))...)
}
