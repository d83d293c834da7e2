package app_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

func TestARequestThatComesAgain(t *testing.T) {
	w := newWorld(t)
	once := idempotency.Request{Key: [32]byte{1}, Body: [32]byte{2}}
	first, err := w.Register(t.Context(), profile(t, "a@b"), once)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.Register(t.Context(), profile(t, "a@b"), once); err != nil || again != first {
		t.Errorf("Register = %+v, %v, want %+v", again, err, first)
	}

	image := idempotency.Request{Key: [32]byte{3}}
	attach := func(width int, once idempotency.Request, check app.Condition) (domain.Account, error) {
		return w.AttachImage(t.Context(), first.ID, "image/png", bytes.NewReader(picture(t, width)), once, check)
	}
	atFirst := func(current domain.Account) error {
		if current.Version != 1 {
			return errCondition
		}
		return nil
	}
	attached, err := attach(5, image, atFirst)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		again, err := attach(5, image, atFirst) // the condition held for the first request
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(attached, again); diff != "" {
			t.Errorf("AttachImage (-want +got):\n%s", diff)
		}
	}
	if _, err := attach(6, image, nil); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("another image: %v, want ErrReused", err)
	}
	if _, err := attach(6, idempotency.Request{Key: [32]byte{4}}, atFirst); !errors.Is(err, errCondition) {
		t.Errorf("another request: %v, want its condition to be judged", err)
	}
	if diff := cmp.Diff([]string{attached.Image.Object}, w.objects(t)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if err := w.Remove(t.Context(), first.ID, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := attach(7, idempotency.Request{Key: [32]byte{5}}, nil); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("image of no account: %v, want ErrNotFound", err)
	}
	if _, err := attach(5, image, nil); !errors.Is(err, idempotency.ErrErased) {
		t.Errorf("the image again, of an account that was deleted since: %v, want ErrErased", err)
	}
	if err := w.CollectImages(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	if left := w.objects(t); left != nil {
		t.Errorf("objects %v are left", left)
	}
}
