package app

import (
	"context"
	"fmt"
	"io"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// An image may be replaced, and the old object collected, between the read of
// the account and that of the object; the account is then read again.
const openAttempts = 3

// Image returns the current image of an account. The content is opened only if
// wanted says so of the image; it is nil otherwise.
// Errors: domain.ErrNotFound, domain.ErrNoImage.
func (s *Service) Image(ctx context.Context, id int64, wanted func(domain.Image) bool) (img domain.Image, content io.ReadCloser, err error) {
	for attempt := 1; ; attempt++ {
		a, err := s.store.Get(ctx, id)
		if err != nil {
			return domain.Image{}, nil, fmt.Errorf("show image: %w", err)
		}
		if a.Image == nil {
			return domain.Image{}, nil, fmt.Errorf("show image: %w", domain.ErrNoImage)
		}
		if !wanted(*a.Image) {
			return *a.Image, nil, nil
		}
		content, err := s.images.Open(ctx, a.Image.Object, 0, -1)
		switch {
		case err == nil:
			return *a.Image, content, nil
		case fault.KindOf(err) != fault.NotFound:
			return domain.Image{}, nil, fmt.Errorf("open image: %w", err)
		case attempt == openAttempts:
			return domain.Image{}, nil, fmt.Errorf("image object %s is missing: %v", a.Image.Object, err) //nolint:errorlint // not the client's "not found": the reference dangles
		}
	}
}
