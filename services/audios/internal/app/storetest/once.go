package storetest

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// newOnce returns an unused key.
func newOnce(body string) idempotency.Request {
	return idempotency.Request{Key: sha256.Sum256([]byte(rand.Text())), Body: sha256.Sum256([]byte(body))}
}

func createOnce(t *testing.T, b Backend, a domain.Audio, once idempotency.Request) (domain.Audio, error) {
	return b.Create(t.Context(), a.Session, caller.Everything(), once, func(last int64) (domain.Audio, events.Event, error) {
		a.Version = last + 1
		return a, event(events.AudioCreatedV1, a.SessionID, a.Version), nil
	})
}

func testCreateOnce(t *testing.T, b Backend) {
	once := newOnce("a")
	account := newID()
	first := newAudioOf(account)
	mustCreateOnce := func() {
		t.Helper()
		again := first
		again.File = newFile(first.SessionID)
		if first.Version == 0 {
			again.File, first.Version = first.File, 1
		}
		got, err := createOnce(t, b, again, once)
		if err != nil {
			t.Fatalf("Create: %v", err)
		}
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("Create (-want +got):\n%s", diff)
		}
	}
	first.Version = 0
	mustCreateOnce()
	mustCreateOnce()
	want(t, b, first)
	wantHistory(t, b, first.SessionID, event(events.AudioCreatedV1, first.SessionID, 1))
	for _, once := range []idempotency.Request{{Key: once.Key}, {Key: once.Key, Body: sha256.Sum256([]byte("b"))}} {
		if _, err := createOnce(t, b, newAudio(), once); !errors.Is(err, idempotency.ErrReused) {
			t.Errorf("Create with another body = %v, want ErrReused", err)
		}
	}
	if _, err := createOnce(t, b, first, newOnce("a")); !errors.Is(err, domain.ErrSessionTaken) {
		t.Errorf("Create with another key = %v, want ErrSessionTaken", err)
	}

	// A deletion erases the result. The request still has its effect once.
	if _, err := b.RemoveAccount(t.Context(), account, 10, deletion); err != nil {
		t.Fatalf("RemoveAccount: %v", err)
	}
	if got, err := createOnce(t, b, first, once); !errors.Is(err, idempotency.ErrErased) {
		t.Errorf("Create = %+v, %v, want ErrErased", got, err)
	}
	wantMissing(t, b, first.SessionID)
}

// testCreateOnceAfterFailure checks that a failed request leaves its key
// unused.
func testCreateOnceAfterFailure(t *testing.T, b Backend) {
	taken, once := mustCreate(t, b, newAudio()), newOnce("a")
	for range 2 {
		if _, err := createOnce(t, b, taken, once); !errors.Is(err, domain.ErrSessionTaken) {
			t.Fatalf("Create = %v, want ErrSessionTaken", err)
		}
	}
	mustDelete(t, b, taken.SessionID)
	if got, err := createOnce(t, b, taken, once); err != nil || got.Version != 3 {
		t.Errorf("Create = version %d, %v, want 3", got.Version, err)
	}
}

func testCreateOnceAtOnce(t *testing.T, b Backend) {
	const clients = 20
	once, a := newOnce("a"), newAudio()
	results := make([]domain.Audio, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			own := a
			own.File = newFile(a.SessionID)
			var err error
			if results[i], err = createOnce(t, b, own, once); err != nil {
				t.Errorf("Create: %v", err)
			}
		})
	}
	wg.Wait()
	for _, got := range results {
		if diff := cmp.Diff(results[0], got); diff != "" {
			t.Errorf("Create (-first +other):\n%s", diff)
		}
	}
	want(t, b, results[0])
	wantHistory(t, b, a.SessionID, event(events.AudioCreatedV1, a.SessionID, 1))
}
