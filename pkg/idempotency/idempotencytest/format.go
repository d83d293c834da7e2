package idempotencytest

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/idempotency"
)

// WantFormat checks that the result of a part is stored as want, byte for byte.
func WantFormat(t *testing.T, part idempotency.Part, want string) {
	t.Helper()
	got, err := json.Marshal(part.Result)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}
