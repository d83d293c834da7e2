package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/longwork"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// An image may be replaced and its object deleted after the account was read.
// The account is then read again.
const openAttempts = 3

// Image returns the current image of an account and its content: with a longer
// side of so many pixels, one of domain.ImageSides, unless it is smaller; as it
// is if side is 0. It is scaled when it is first asked for, and kept beside the
// original until that is collected. The content is opened only if wanted says
// so of the image; else it is nil, and the size of a scaled image -1.
// Errors: domain.ErrNotFound, domain.ErrNoImage, domain.ErrImageLost,
// domain.ErrImagesBusy, domain.ErrImageTime.
func (s *Service) Image(ctx context.Context, id int64, side int, wanted func(domain.Image) bool) (img domain.Image, content io.ReadSeekCloser, err error) {
	err = s.withImage(ctx, id, func(current domain.Image) (err error) {
		img = current
		if side == 0 || max(img.Width, img.Height) <= side {
			if wanted(img) {
				content, err = s.images.Open(ctx, img.Object)
			}
			return err
		}
		img.SizeBytes = -1
		if wanted(img) {
			content, img.SizeBytes, err = s.openScaled(ctx, current, side)
		}
		return err
	})
	return img, content, err
}

// withImage calls use with the current image of an account, and again if the
// object is missing.
func (s *Service) withImage(ctx context.Context, id int64, use func(domain.Image) error) error {
	for attempt := 1; ; attempt++ {
		a, err := s.Get(ctx, id)
		if err != nil {
			return fmt.Errorf("show image: %w", err)
		}
		if a.Image == nil {
			return fmt.Errorf("show image: %w", domain.ErrNoImage)
		}
		err = use(*a.Image)
		switch {
		case err == nil:
			return nil
		case fault.KindOf(err) != fault.NotFound:
			return fmt.Errorf("open image: %w", err)
		case attempt == openAttempts:
			return domain.ErrImageLost.Wrap(fmt.Errorf("object %s: %w", a.Image.Object, err))
		}
	}
}

func (s *Service) readObject(ctx context.Context, name string) ([]byte, error) {
	r, err := s.images.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return longwork.ReadAll(ctx, r)
}

// openScaled opens the scaled form of an image, and creates it if it is missing.
func (s *Service) openScaled(ctx context.Context, img domain.Image, side int) (content io.ReadSeekCloser, size int64, err error) {
	name := img.Scaled(side)
	content, err = s.images.Open(ctx, name)
	if fault.KindOf(err) == fault.NotFound {
		if err := s.scale(ctx, img, name, side); err != nil {
			return nil, 0, err
		}
		content, err = s.images.Open(ctx, name)
	}
	if err != nil {
		return nil, 0, err
	}
	if size, err = content.Seek(0, io.SeekEnd); err == nil {
		_, err = content.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, 0, errors.Join(err, content.Close())
	}
	return content, size, nil
}

// scale creates the object name, the scaled form of an image, unless another
// caller does.
func (s *Service) scale(ctx context.Context, img domain.Image, name string, side int) error {
	work, cancel := context.WithTimeout(ctx, imageTime)
	defer cancel()
	done, err := s.scaling.enter(work, name)
	if err != nil {
		return outOfTime(err)
	}
	defer done()
	if created, err := s.images.Open(ctx, name); fault.KindOf(err) != fault.NotFound {
		if err == nil {
			_ = created.Close()
		}
		return err // nil: it was created while this call was waiting
	}
	release, err := s.codec.Room(work, img.SizeBytes)
	if err != nil {
		return outOfTime(err)
	}
	defer release()
	original, err := s.readObject(ctx, img.Object)
	if err != nil {
		return err
	}
	scaled, err := s.codec.Scale(work, original, side)
	if err != nil {
		return fmt.Errorf("scale image object %s: %w", img.Object, outOfTime(err))
	}
	err = s.images.Put(ctx, name, img.ContentType, bytes.NewReader(scaled))
	if fault.KindOf(err) == fault.Conflict { // another process was faster
		return nil
	}
	return err
}

// inFlight lets one caller at a time work on an object, so that concurrent
// requests for the same result create it once. The zero value is ready to use.
type inFlight struct {
	mu      sync.Mutex
	objects map[string]chan struct{}
}

// enter waits until no other caller works on the object. The caller must call
// done at the end of its own work.
func (f *inFlight) enter(ctx context.Context, object string) (done func(), err error) {
	for {
		f.mu.Lock()
		busy := f.objects[object]
		if busy == nil {
			if f.objects == nil {
				f.objects = map[string]chan struct{}{}
			}
			own := make(chan struct{})
			f.objects[object] = own
			f.mu.Unlock()
			return func() {
				f.mu.Lock()
				delete(f.objects, object)
				f.mu.Unlock()
				close(own)
			}, nil
		}
		f.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
