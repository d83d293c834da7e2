package storetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/list"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func newAudioOf(account int64) domain.Audio {
	a := newAudio()
	a.AccountID = &account
	return a
}

func removeAccount(t *testing.T, b Backend, account int64, limit, want int) {
	t.Helper()
	removed, err := b.RemoveAccount(t.Context(), account, limit, deletion)
	if err != nil {
		t.Fatalf("RemoveAccount: %v", err)
	}
	if removed != want {
		t.Errorf("RemoveAccount removed %d, want %d", removed, want)
	}
}

func testRemoveAccount(t *testing.T, b Backend) {
	account, other := newID(), newID()
	var gone []domain.Audio
	for range 5 {
		gone = append(gone, mustCreate(t, b, newAudioOf(account)))
	}
	kept := []domain.Audio{mustCreate(t, b, newAudioOf(other)), mustCreate(t, b, newAudio())}

	removeAccount(t, b, account, 3, 3)
	if left := listed(t, b, app.Query{AccountID: one(account), Options: list.Options{Limit: 10}}); len(left) != 2 {
		t.Errorf("%d audios are left, want 2", len(left))
	}
	removeAccount(t, b, account, 3, 2)
	removeAccount(t, b, account, 3, 0) // idempotent
	for _, a := range gone {
		wantMissing(t, b, a.SessionID)
		wantDiscarded(t, b, a.SessionID, a.File.Object)
		wantHistory(t, b, a.SessionID,
			redacted(event(events.AudioCreatedV1, a.SessionID, 1)), event(events.AudioDeletedV1, a.SessionID, 2))
	}
	for _, a := range kept {
		want(t, b, a)
	}

	again := newAudio() // without an account
	again.SessionID, again.Version = gone[0].SessionID, 3
	mustCreate(t, b, again)
	want(t, b, again)
}

func testRemoveAccountRefused(t *testing.T, b Backend) {
	account := newID()
	a := mustCreate(t, b, newAudioOf(account))
	if _, err := b.RemoveAccount(t.Context(), account, 3, refuse); !errors.Is(err, errRefused) {
		t.Fatalf("RemoveAccount = %v, want decide's error", err)
	}
	want(t, b, a)
	mustCreate(t, b, newAudioOf(account)) // the account is not recorded as deleted
}

func testDeletedAccount(t *testing.T, b Backend) {
	account, other := newID(), newID()
	free, taken, left := mustCreate(t, b, newAudio()), mustCreate(t, b, newAudioOf(other)), mustCreate(t, b, newAudioOf(account))
	removeAccount(t, b, account, 1, 1)

	a := newAudioOf(account)
	if _, err := create(t.Context(), b, a); !errors.Is(err, domain.ErrAccountDeleted) {
		t.Errorf("Create = %v, want ErrAccountDeleted", err)
	}
	wantMissing(t, b, a.SessionID)
	wantHistory(t, b, a.SessionID)
	again := newAudioOf(account)
	again.SessionID = left.SessionID
	if _, err := create(t.Context(), b, again); !errors.Is(err, domain.ErrAccountDeleted) {
		t.Errorf("Create = %v, want ErrAccountDeleted", err)
	}
	for _, a := range []domain.Audio{free, taken} {
		_, err := move(t.Context(), b, a.Session, &account)
		if !errors.Is(err, domain.ErrAccountDeleted) {
			t.Errorf("Update = %v, want ErrAccountDeleted", err)
		}
		want(t, b, a)
		wantHistory(t, b, a.SessionID, event(events.AudioCreatedV1, a.SessionID, 1))
		wantDiscarded(t, b, a.SessionID)
	}
}

// An audio that a deleted account still has accepts only a change of its
// account.
func testDeletedAccountHalfway(t *testing.T, b Backend) {
	account := newID()
	mustCreate(t, b, newAudioOf(account))
	mustCreate(t, b, newAudioOf(account))
	removeAccount(t, b, account, 1, 1)
	page, err := b.List(t.Context(), app.Query{AccountID: one(account), Options: list.Options{Limit: 2}})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("List = %d audios, %v, want 1", len(page.Items), err)
	}
	left := page.Items[0]
	if _, err := update(t.Context(), b, left.Session, func(a *domain.Audio) { a.StepCount = 1 }); !errors.Is(err, domain.ErrAccountDeleted) {
		t.Errorf("Update = %v, want ErrAccountDeleted", err)
	}
	if _, err := move(t.Context(), b, left.Session, nil); err != nil {
		t.Errorf("Update that leaves the account: %v", err)
	}
	removeAccount(t, b, account, 1, 0)
}

// testRemoveAccountAtOnce removes an account while its sessions are created and
// other sessions join it. In any order, no session of the account remains.
func testRemoveAccountAtOnce(t *testing.T, b Backend) {
	const clients, each = 6, 6
	account := newID()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for i := range each {
				a := newAudioOf(account)
				if i%2 == 0 {
					a.AccountID = nil
				}
				_, err := create(t.Context(), b, a)
				if a.AccountID == nil && err == nil {
					_, err = move(t.Context(), b, a.Session, &account)
				}
				if err != nil && !errors.Is(err, domain.ErrAccountDeleted) {
					t.Errorf("write of a session: %v", err)
				}
			}
		})
	}
	wg.Go(func() {
		for {
			removed, err := b.RemoveAccount(t.Context(), account, 2, deletion)
			if err != nil {
				t.Errorf("RemoveAccount: %v", err)
			}
			if removed == 0 {
				return
			}
		}
	})
	wg.Wait()
	if diff := cmp.Diff([]int64(nil), listed(t, b, app.Query{AccountID: one(account), Options: list.Options{Limit: 100}})); diff != "" {
		t.Errorf("sessions of a removed account (-want +got):\n%s", diff)
	}
}
