package app_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/imaging"
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

// portraits has an account with an image of 5 MiB for each id.
type portraits struct{ app.Database }

func (portraits) Get(_ context.Context, id int64) (domain.Account, error) {
	return domain.Account{ID: id, Image: &domain.Image{
		Object: fmt.Sprintf("%d/original.png", id), ContentType: "image/png", SizeBytes: 5 << 20, Width: 1300, Height: 1300,
	}}, nil
}

// gallery has the images of portraits, and counts those that are read.
type gallery struct {
	app.Images
	read   atomic.Int64
	scaled sync.Map // by name
}

func (g *gallery) Open(_ context.Context, name string) (io.ReadSeekCloser, error) {
	if strings.HasSuffix(name, "/original.png") {
		g.read.Add(1)
		return content{bytes.NewReader(make([]byte, 5<<20))}, nil
	}
	if _, ok := g.scaled.Load(name); !ok {
		return nil, fault.New(fault.NotFound, "missing", "it is not scaled yet")
	}
	return content{bytes.NewReader([]byte("stored"))}, nil
}

func (g *gallery) Put(_ context.Context, name, _ string, _ io.Reader) error {
	g.scaled.Store(name, true)
	return nil
}

type content struct{ *bytes.Reader }

func (content) Close() error { return nil }

// held has the room of a codec for images, and scales them once it is told to.
type held struct {
	app.Codec
	free chan struct{}
}

func (h held) Scale(ctx context.Context, _ []byte, _ int) ([]byte, error) {
	select {
	case <-h.free:
		return []byte("scaled"), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Images are read to be scaled only while there is memory for them. Some wait, and
// the others are refused at once. What is sent comes from the store, not from memory.
func TestOriginalsInMemoryAreBounded(t *testing.T) {
	const requests, read, taken = 200, 32 / 5, 512 / 5
	for name, c := range map[string]struct {
		frees bool
		want  map[string]int
	}{
		"the codec goes on":  {true, map[string]int{"stored": taken, "busy": requests - taken}},
		"the codec is stuck": {false, map[string]int{"out of time": taken, "busy": requests - taken}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, h := new(gallery), held{imaging.New(), make(chan struct{})}
				s := app.New(portraits{}, g, h, app.Sources{Now: time.Now, NewName: rand.Text})
				outcomes := make(chan string, requests)
				for id := range int64(requests) {
					go func() {
						img, content, err := s.Image(t.Context(), id, 64, func(domain.Image) bool { return true })
						switch {
						case err == nil:
							text, _ := io.ReadAll(content)
							outcomes <- string(text[:img.SizeBytes])
						case errors.Is(err, domain.ErrImagesBusy):
							outcomes <- "busy"
						case errors.Is(err, domain.ErrImageTime):
							outcomes <- "out of time"
						default:
							outcomes <- err.Error()
						}
					}()
				}
				synctest.Wait()
				if n := g.read.Load(); n != read {
					t.Errorf("%d images of 5 MiB are in memory, want %d", n, read)
				}
				if n := len(outcomes); n != requests-taken {
					t.Errorf("%d requests are answered at once, want %d", n, requests-taken)
				}
				if c.frees {
					close(h.free)
				}
				got := map[string]int{}
				for range requests {
					got[<-outcomes]++
				}
				if !maps.Equal(got, c.want) {
					t.Errorf("outcomes %v, want %v", got, c.want)
				}
			})
		})
	}
}
