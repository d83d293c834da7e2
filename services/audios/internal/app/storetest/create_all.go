package storetest

import (
	"crypto/sha256"
	"errors"
	"sync"
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

func createAll(t *testing.T, b Backend, once idempotency.Request, audios ...domain.Audio) ([]app.Outcome, error) {
	sessions := make([]domain.Session, len(audios))
	for i, a := range audios {
		sessions[i] = a.Session
	}
	return b.CreateAll(t.Context(), sessions, caller.Everything(), once, func(i int, last int64) (domain.Audio, events.Event, error) {
		a := audios[i]
		a.Version = last + 1
		return a, event(events.AudioCreatedV1, a.SessionID, a.Version), nil
	}, accept)
}

// accept creates a batch without the sessions that are refused.
func accept(*fault.Error) error { return nil }

func wantOutcomes(t *testing.T, got []app.Outcome, err error, want ...app.Outcome) {
	t.Helper()
	if err != nil {
		t.Fatalf("CreateAll: %v", err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(fault.Error{})); diff != "" {
		t.Errorf("CreateAll (-want +got):\n%s", diff)
	}
}

func created(a domain.Audio) app.Outcome { return app.Outcome{Result: a} }

// testCreateAll creates a batch with every kind of outcome.
func testCreateAll(t *testing.T, b Backend) {
	goneAccount, account := newID(), newID()
	if _, err := b.RemoveAccount(t.Context(), goneAccount, 10, deletion); err != nil {
		t.Fatalf("RemoveAccount: %v", err)
	}
	plain, owned, taken, again := newAudio(), newAudioOf(account), mustCreate(t, b, newAudio()), mustCreate(t, b, newAudio())
	mustDelete(t, b, again.SessionID)
	again.File = newFile(again.SessionID)
	orphan, twice := newAudioOf(goneAccount), newAudio()
	twice.SessionID = plain.SessionID
	takenAgain := newAudio()
	takenAgain.SessionID = taken.SessionID
	// A refused item does not affect later ones.
	freed := newAudio()
	freed.SessionID = orphan.SessionID

	got, err := createAll(t, b, idempotency.Request{}, plain, orphan, takenAgain, again, twice, owned, freed)
	again.Version = 3
	sessionTaken, accountDeleted := app.Outcome{Refused: domain.ErrSessionTaken}, app.Outcome{Refused: domain.ErrAccountDeleted}
	wantOutcomes(t, got, err, created(plain), accountDeleted, sessionTaken, created(again), sessionTaken, created(owned), created(freed))
	for _, a := range []domain.Audio{plain, taken, again, owned, freed} {
		want(t, b, a)
	}
	for _, a := range []domain.Audio{plain, taken, owned, freed} {
		wantHistory(t, b, a.SessionID, event(events.AudioCreatedV1, a.SessionID, 1))
	}
	wantHistory(t, b, again.SessionID, redacted(event(events.AudioCreatedV1, again.SessionID, 1)),
		event(events.AudioDeletedV1, again.SessionID, 2), event(events.AudioCreatedV1, again.SessionID, 3))
	mustDelete(t, b, again.SessionID)
	if got := mustCreate(t, b, again); got.Version != 5 {
		t.Errorf("created for the third time at version %d, want 5", got.Version)
	}
	if got, err := createAll(t, b, newOnce("none")); err != nil || len(got) != 0 {
		t.Errorf("CreateAll of nothing = %v, %v", got, err)
	}
}

func testCreateAllRefused(t *testing.T, b Backend) {
	first, second := newAudio(), newAudio()
	_, err := b.CreateAll(t.Context(), []domain.Session{first.Session, second.Session}, caller.Everything(), idempotency.Request{}, func(i int, _ int64) (domain.Audio, events.Event, error) {
		if i == 1 {
			return domain.Audio{}, events.Event{}, errRefused
		}
		return first, event(events.AudioCreatedV1, first.SessionID, 1), nil
	}, accept)
	if !errors.Is(err, errRefused) {
		t.Fatalf("CreateAll = %v, want decide's error", err)
	}
	once := newOnce("refused")
	_, err = b.CreateAll(t.Context(), []domain.Session{first.Session, first.Session}, caller.Everything(), once, func(_ int, last int64) (domain.Audio, events.Event, error) {
		return first, event(events.AudioCreatedV1, first.SessionID, last+1), nil
	}, func(reason *fault.Error) error { return reason })
	if !errors.Is(err, domain.ErrSessionTaken) {
		t.Fatalf("CreateAll = %v, want refuse's error", err)
	}
	if got, found, err := b.Recorded(t.Context(), once); found || err != nil {
		t.Errorf("Recorded = %v, %t, %v, want none", got, found, err)
	}
	wantMissing(t, b, first.SessionID)
	wantHistory(t, b, first.SessionID)
}

func testCreateAllLarge(t *testing.T, b Backend) {
	audios, outcomes := make([]domain.Audio, 200), make([]app.Outcome, 200)
	account := newID()
	for i := range audios {
		audios[i] = newAudioOf(account)
		outcomes[i] = created(audios[i])
	}
	once := newOnce("a")
	for range 2 {
		got, err := createAll(t, b, once, audios...)
		wantOutcomes(t, got, err, outcomes...)
	}
	want(t, b, audios[199])
}

func testCreateAllOnce(t *testing.T, b Backend) {
	const clients = 10
	once, taken, fresh := newOnce("a"), mustCreate(t, b, newAudio()), newAudio()
	results := make([][]app.Outcome, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			own := fresh
			own.File = newFile(fresh.SessionID)
			var err error
			if results[i], err = createAll(t, b, once, taken, own); err != nil {
				t.Errorf("CreateAll: %v", err)
			}
		})
	}
	wg.Wait()
	fresh.File = results[0][1].Result.File
	for _, got := range results {
		wantOutcomes(t, got, nil, app.Outcome{Refused: domain.ErrSessionTaken}, created(fresh))
	}
	want(t, b, fresh)
	wantHistory(t, b, fresh.SessionID, event(events.AudioCreatedV1, fresh.SessionID, 1))

	recorded, found, err := b.Recorded(t.Context(), once)
	if !found {
		t.Error("Recorded finds nothing")
	}
	wantOutcomes(t, recorded, err, app.Outcome{Refused: domain.ErrSessionTaken}, created(fresh))
	if recorded, found, err := b.Recorded(t.Context(), newOnce("a")); found || err != nil {
		t.Errorf("Recorded of another key = %v, %t, %v", recorded, found, err)
	}
	other := idempotency.Request{Key: once.Key, Body: sha256.Sum256([]byte("b"))}
	if _, _, err := b.Recorded(t.Context(), other); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("Recorded with another body = %v, want ErrReused", err)
	}
	if _, err := createAll(t, b, other, newAudio()); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("CreateAll with another body = %v, want ErrReused", err)
	}
	// A deletion erases what the result tells of the audio.
	mustDelete(t, b, taken.SessionID)
	mustDelete(t, b, fresh.SessionID)
	got, err := createAll(t, b, once, taken, fresh)
	wantOutcomes(t, got, err, app.Outcome{Refused: domain.ErrSessionTaken}, app.Outcome{Refused: idempotency.ErrErased})
	wantMissing(t, b, taken.SessionID)
	wantMissing(t, b, fresh.SessionID)
}

// testCreateAllAtOnce sends batches of the same sessions concurrently. Exactly
// one of them creates each session.
func testCreateAllAtOnce(t *testing.T, b Backend) {
	const clients, size = 6, 20
	ids := make([]int64, size)
	for i := range ids {
		ids[i] = newID()
	}
	var mu sync.Mutex
	won := map[int64]int{}
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			audios := make([]domain.Audio, size)
			for i := range audios {
				audios[i] = newAudio()
				audios[i].SessionID = ids[(i+client*5)%size]
			}
			outcomes, err := createAll(t, b, idempotency.Request{}, audios...)
			if err != nil {
				t.Errorf("CreateAll: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for i, o := range outcomes {
				if o.Refused == nil {
					won[audios[i].SessionID]++
				}
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if won[id] != 1 {
			t.Errorf("%d batches created session %d, want 1", won[id], id)
		}
		wantHistory(t, b, id, event(events.AudioCreatedV1, id, 1))
	}
}
