package app_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/idempotency"
)

func TestARequestThatComesAgainLeavesNoObject(t *testing.T) {
	w := newWorld(t)
	once := idempotency.Request{Key: [32]byte{1}, Body: [32]byte{2}}
	first, err := w.Create(t.Context(), session(t, 7, of(5)), large("one"), once)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.Create(t.Context(), session(t, 7, of(5)), large("one"), once)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("Create (-want +got):\n%s", diff)
	}
	if _, err := w.Create(t.Context(), session(t, 8), large("two"), idempotency.Request{Key: once.Key}); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("another body: %v, want ErrReused", err)
	}
	w.wantObjects(t, first.File.Object)
	if told := w.told(t); len(told) != 1 {
		t.Errorf("%d events, want 1", len(told))
	}
}
