package app_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/audios/internal/app"
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

// late is a store to which the event of an account comes after the first attempt
// to create a batch.
type late struct {
	app.Database
	event func() error
}

func (l *late) CreateAll(ctx context.Context, s []domain.Session, accounts caller.Reach, once idempotency.Request, decide func(int, int64) (domain.Audio, events.Event, error), refuse func(*fault.Error) error) ([]app.Outcome, error) {
	outcomes, err := l.Database.CreateAll(ctx, s, accounts, once, decide, refuse)
	return outcomes, errors.Join(err, l.event())
}

// A batch waits for the events of all its accounts before it records that one is
// unknown: otherwise each repetition would be answered that.
func TestBatchesAwaitTheirAccounts(t *testing.T) {
	w := newWorld(t)
	ann := caller.With(t.Context(), &caller.Caller{ID: "key:ann", Scopes: caller.AudiosOwn})
	items := batch(t, 0, 250) // three groups
	items[1].Session = session(t, 1, of(5))
	items[240].Session = session(t, 240, of(5))
	s := w.service(&late{w.store, func() error { return w.AddAccount(t.Context(), 5, "key:ann") }}, w.files)
	once := idempotency.Request{Key: [32]byte{1}, Body: [32]byte{2}}
	for range 2 {
		outcomes, err := s.CreateAll(ann, items, once)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range outcomes {
			if o.Refused != nil {
				t.Errorf("item %d: %v", i, o.Refused)
			}
		}
	}
	unknown := batch(t, 1000, 250)
	for i := range unknown {
		unknown[i].Session.AccountID = new(int64(6))
	}
	begun := time.Now()
	outcomes, err := w.CreateAll(ann, unknown, idempotency.Request{})
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Refused != domain.ErrAccountUnknown {
			t.Errorf("item %d: %v, want ErrAccountUnknown", i, o.Refused)
		}
	}
	if took := time.Since(begun); took < time.Second {
		t.Errorf("the batch was refused after %v, which shows that the account does not exist", took)
	}
}
