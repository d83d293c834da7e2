// Package storetest is the conformance suite of app.Database.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/eventlog/eventlogtest"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Backend is the store under test, with its log.
type Backend struct {
	app.Database
	Log interface {
		eventlog.Log
		eventlog.Reader
	}
}

// Run tests a backend, which may contain other audios.
func Run(t *testing.T, b Backend) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Backend)
	}{
		{"create and get", testCreateAndGet},
		{"smallest and largest values", testExtremes},
		{"get what is not there", testGetMissing},
		{"create with a taken session", testSessionTaken},
		{"create refused", testCreateRefused},
		{"session taken at once", testSessionTakenAtOnce},
		{"create after a deletion", testCreateAgain},
		{"create, delete and create at once", testChurnAtOnce},
		{"list by filters", testFilters},
		{"list by ids", onLists((*lists).IDs)},
		{"list in every order", testOrders},
		{"list of equal times", onLists((*lists).EqualTimes)},
		{"list while others write", onLists((*lists).PagesAtOnce)},
		{"owner", testOwner},
		{"list of an owner", testListOfOwner},
		{"accounts of an owner", testAccountsOfOwner},
		{"head of a list", onLists((*lists).Head)},
		{"list, then follow the log", onLists((*lists).ListThenFollow)},
		{"heads of lists while others write", onLists((*lists).HeadAtOnce)},
		{"update", testUpdate},
		{"update that changes nothing", onChanges((*changes).UpdateNothing)},
		{"update refused", onChanges((*changes).UpdateRefused)},
		{"update what is not there", onChanges((*changes).UpdateMissing)},
		{"updates at once", onChanges((*changes).UpdatesAtOnce)},
		{"delete", onChanges((*changes).DeleteAfterChange)},
		{"delete after many changes", onChanges((*changes).DeleteAfterManyChanges)},
		{"remove an account after many changes", testRemoveAfterManyChanges},
		{"delete refused", onChanges((*changes).DeleteRefused)},
		{"delete what is not there", onChanges((*changes).DeleteMissing)},
		{"create once", testCreateOnce},
		{"create once after a failure", testCreateOnceAfterFailure},
		{"create once, many at once", testCreateOnceAtOnce},
		{"create many", testCreateAll},
		{"create many refused", testCreateAllRefused},
		{"create very many", testCreateAllLarge},
		{"create many once", testCreateAllOnce},
		{"create the same many at once", testCreateAllAtOnce},
		{"discards", testDiscards},
		{"files without an object", testNoObject},
		{"documents", testDocuments},
		{"document of an audio that is not there", testNoDocument},
		{"document of each kind in turn", testDocumentReplaced},
		{"document of a deleted audio", testDocumentDeleted},
		{"documents of many", testDocumentsOfMany},
		{"document and audio of one moment", testDocumentAtOnce},
		{"remove an account", testRemoveAccount},
		{"remove an account refused", testRemoveAccountRefused},
		{"sessions of a deleted account", testDeletedAccount},
		{"sessions that a deleted account still has", testDeletedAccountHalfway},
		{"an account removed while sessions come", testRemoveAccountAtOnce},
		{"add many accounts", testAddAccounts},
		{"reconciliation", testReconciliation},
		{"cancelled context", testCancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, b) })
	}
}

var (
	epoch      = time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	errRefused = errors.New("refused")
)

// newID returns an unused id for an account or a session.
func newID() int64 { return rand.Int64N(domain.MaxID) + 1 }

func newAudio() domain.Audio {
	id := newID()
	s := domain.Session{SessionID: id, SelectedTick: 3, StepCount: 7}
	for i := range s.Ticks {
		s.Ticks[i] = -100 + 90*rand.Float64()
	}
	return domain.New(s, newFile(id), 0, epoch)
}

func newFile(sessionID int64) domain.File {
	return domain.File{Object: fmt.Sprintf("%d/%d.json", sessionID, rand.Int64()), SizeBytes: 9, SHA256: fmt.Sprintf("%064x", rand.Int64())}
}

func event(eventType string, id, version int64) events.Event {
	return events.Event{
		Type: eventType, Subject: fmt.Sprintf("audio/%d", id), Version: version,
		Data: fmt.Appendf(nil, `{"resource":{"session_id":%d},"n":%d}`, id, version), Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
}

func create(ctx context.Context, b Backend, a domain.Audio) (domain.Audio, error) {
	return b.Create(ctx, a.Session, caller.Everything(), idempotency.Request{}, func(last int64) (domain.Audio, events.Event, error) {
		a.Version = last + 1
		return a, event(events.AudioCreatedV1, a.SessionID, a.Version), nil
	})
}

// update edits the audio of s and sets its account to that of s.
func update(ctx context.Context, b Backend, s domain.Session, edit func(*domain.Audio)) (domain.Audio, error) {
	return b.Update(ctx, s.SessionID, app.AccountOf{ID: s.AccountID, Reach: caller.Everything()}, func(current domain.Audio) (domain.Audio, events.Event, error) {
		edit(&current)
		current.AccountID = s.AccountID
		current.Version++
		return current, event(events.AudioUpdatedV1, s.SessionID, current.Version), nil
	})
}

// move changes only the account of an audio.
func move(ctx context.Context, b Backend, s domain.Session, account *int64) (domain.Audio, error) {
	s.AccountID = account
	return update(ctx, b, s, func(*domain.Audio) {})
}

func deletion(current domain.Audio) (events.Event, error) {
	return event(events.AudioDeletedV1, current.SessionID, current.Version+1), nil
}

func refuse(domain.Audio) (events.Event, error) { return events.Event{}, errRefused }

func mustCreate(t *testing.T, b Backend, a domain.Audio) domain.Audio {
	t.Helper()
	created, err := create(t.Context(), b, a)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	return created
}

func mustDelete(t *testing.T, b Backend, id int64) {
	t.Helper()
	if err := b.Delete(t.Context(), id, deletion); err != nil {
		t.Fatalf("Delete: %v", err)
	}
}

func wantHistory(t *testing.T, b Backend, id int64, want ...events.Event) {
	t.Helper()
	if diff := cmp.Diff(want, eventlogtest.History(t, b.Log, app.Subject(id))); diff != "" {
		t.Errorf("event log (-want +got):\n%s", diff)
	}
}

func redacted(e events.Event) events.Event {
	e.Data = []byte(events.Redacted)
	return e
}

func want(t *testing.T, b Backend, a domain.Audio) {
	t.Helper()
	got, err := b.Get(t.Context(), a.SessionID)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("audio (-want +got):\n%s", diff)
	}
}

func wantMissing(t *testing.T, b Backend, id int64) {
	t.Helper()
	if _, err := b.Get(t.Context(), id); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Get(%d) = %v, want ErrNotFound", id, err)
	}
}
