package app_test

import (
	"errors"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// A write of a caller with an own scope waits for the event of its account, and
// as long for that of an account of somebody else.
func TestWritesAwaitTheirAccount(t *testing.T) {
	w := newWorld(t)
	ann := caller.With(t.Context(), &caller.Caller{ID: "key:ann", Scopes: caller.AudiosOwn})
	if err := w.AddAccount(t.Context(), 6, "key:bob"); err != nil {
		t.Fatal(err)
	}
	for _, account := range []int64{6, 7} {
		begun := time.Now()
		_, err := w.Create(ann, session(t, 1, of(account)), nil, idempotency.Request{})
		if took := time.Since(begun); !errors.Is(err, domain.ErrAccountUnknown) || took < time.Second {
			t.Errorf("Create with the account %d = %v after %v", account, err, took)
		}
	}
	if left := w.objects(t); left != nil {
		t.Errorf("objects %v are left", left)
	}
	time.AfterFunc(50*time.Millisecond, func() {
		if err := w.AddAccount(t.Context(), 5, "key:ann"); err != nil {
			t.Error(err)
		}
	})
	if _, err := w.Create(ann, session(t, 1, of(5)), nil, idempotency.Request{}); err != nil {
		t.Errorf("Create before the event: %v", err)
	}
	account := new(int64(5))
	if _, err := w.Patch(ann, 1, domain.Patch{AccountID: &account}, nil); err != nil {
		t.Errorf("Patch: %v", err)
	}
}
