// Package discardstest is the conformance suite of objects.Discards.
package discardstest

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/objects"
)

// Run tests discards, which are empty. add records an object as discarded, in a
// transaction of its own.
func Run(t *testing.T, discards objects.Discards, add func(ctx context.Context, id int64, object string) error) {
	want := func(id int64, want ...string) {
		t.Helper()
		got, err := discards.Discarded(t.Context(), id)
		if err != nil {
			t.Fatalf("Discarded: %v", err)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("discarded of %d (-want +got):\n%s", id, diff)
		}
	}
	want(1)
	for _, object := range []string{"a", "b", "c"} {
		for id := range int64(2) {
			if err := add(t.Context(), id, object); err != nil {
				t.Fatalf("add: %v", err)
			}
		}
	}
	for range 2 { // idempotent
		if err := discards.ForgetDiscarded(t.Context(), 1, []string{"a", "c", "never discarded"}); err != nil {
			t.Fatalf("ForgetDiscarded: %v", err)
		}
	}
	want(0, "a", "b", "c")
	want(1, "b")
	want(2)
}
