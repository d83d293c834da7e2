package app_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// busy is a codec that never starts with an image.
type busy struct{ app.Codec }

func (busy) Admit(int64) error { return nil }

func (busy) Clean(ctx context.Context, _ []byte) (app.Picture, error) {
	<-ctx.Done()
	return app.Picture{}, ctx.Err()
}

// slow takes some time before it ends.
type slow struct {
	io.Reader
	time.Duration
}

func (s slow) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err == io.EOF {
		time.Sleep(s.Duration)
	}
	return n, err
}

func TestImageIsWorkedOnForABoundedTime(t *testing.T) {
	for name, test := range map[string]struct{ upload, want time.Duration }{
		"sent at once":     {0, 25 * time.Second},
		"sent in 30 s":     {30 * time.Second, 55 * time.Second},
		"sent in 50 s":     {50 * time.Second, time.Minute},
		"sent in too long": {70 * time.Second, 70 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			content := picture(t, 20)
			synctest.Test(t, func(t *testing.T) {
				s := app.New(nil, nil, busy{}, app.Sources{Now: time.Now, NewName: rand.Text})
				begin := time.Now()
				_, err := s.AttachImage(t.Context(), 1, "image/png", slow{bytes.NewReader(content), test.upload}, idempotency.Request{Key: [32]byte{1}}, nil)
				if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took != test.want || errors.Is(err, domain.ErrImageTime) != (test.upload < time.Minute) {
					t.Errorf("AttachImage = %v after %v, want that its time is over after %v", err, took, test.want)
				}
			})
		})
	}
}

// full is a codec that takes no more images.
type full struct{ app.Codec }

func (full) Admit(int64) error { return domain.ErrImagesBusy }

// TestImageIsNotReadWhileTooManyWait sends an image of 4 MiB to a codec that is
// full: it is refused after its header.
func TestImageIsNotReadWhileTooManyWait(t *testing.T) {
	t.Parallel()
	rest := bytes.NewReader(make([]byte, 4<<20))
	s := app.New(nil, nil, full{}, app.Sources{Now: time.Now, NewName: rand.Text})
	_, err := s.AttachImage(t.Context(), 1, "image/png", io.MultiReader(bytes.NewReader(picture(t, 20)), rest), idempotency.Request{Key: [32]byte{1}}, nil)
	if !errors.Is(err, domain.ErrImagesBusy) {
		t.Errorf("AttachImage = %v, want domain.ErrImagesBusy", err)
	}
	if read := rest.Size() - int64(rest.Len()); read > 64<<10 {
		t.Errorf("%d bytes were read of an image that is refused", read)
	}
}
