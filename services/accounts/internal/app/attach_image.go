package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/longwork"
	"github.com/concha-labs/backend/pkg/objects"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// The time limits of the work on an image, including the wait for its turn.
// They are shorter than the time that clients of this service wait for an
// answer. The time since the request began counts as well, because an upload
// may have used up much of it.
const (
	imageTime  = 25 * time.Second
	uploadTime = 60 * time.Second
)

// AttachImage sets the image of an account, once, to the content of r. If
// declared is not empty, the content must be of that type. Codec describes
// which parts of the file are kept. AttachImage sets the Body of once.
//
// The content is stored under a fresh name before the account refers to it, so
// a reference always points at an object. The replaced object is deleted when
// the event is handled, and an object whose transaction failed is deleted by
// SweepImages. Errors:
//   - domain.ErrNotFound: there is no such account.
//   - domain.ErrImageType, ErrImageMismatch, ErrImageBytes, ErrImagePixels,
//     ErrImageWork: the image is refused.
//   - domain.ErrImagesBusy, ErrImageTime: the image could not be processed in
//     time.
//   - idempotency.ErrReused: once was used for another image.
//   - caller.ErrForbidden, and the errors of cond and r.
func (s *Service) AttachImage(ctx context.Context, id int64, declared string, r io.Reader, once idempotency.Request, cond Condition) (domain.Account, error) {
	if !once.HasKey() { // refuse before uploading; a repeated request may be entitled to its first result
		err := s.mayChange(ctx, id, cond)
		if err != nil {
			return domain.Account{}, fmt.Errorf("attach image: %w", err)
		}
	}
	img, content, err := s.readImage(ctx, declared, r, &once.Body)
	if err != nil {
		return domain.Account{}, fmt.Errorf("attach image: %w", err)
	}
	extension := strings.TrimPrefix(img.ContentType, "image/")
	img.Object = strconv.FormatInt(id, 10) + "/" + s.newName() + "." + extension
	if err := s.images.Put(ctx, img.Object, img.ContentType, bytes.NewReader(content)); err != nil {
		return domain.Account{}, fmt.Errorf("store image: %w", err)
	}
	a, err := s.update(ctx, id, once, cond, func(current domain.Account) (domain.Account, []string) {
		return current.WithImage(&img, s.now())
	})
	if err != nil {
		objects.Drop(ctx, s.images, img.Object, err)
		return domain.Account{}, fmt.Errorf("attach image: %w", err)
	}
	if a.Image == nil || a.Image.Object != img.Object { // the account has the same content already, or the request is a repetition
		objects.Drop(ctx, s.images, img.Object, nil)
		if a.Image != nil && a.Image.SHA256 == img.SHA256 {
			objects.Mend(ctx, s.images, a.Image.Object, a.Image.ContentType, content)
		}
	}
	return a, nil
}

// mayChange returns nil if the caller may change an account and cond allows
// it. Errors: as in update.
func (s *Service) mayChange(ctx context.Context, id int64, cond Condition) error {
	current, err := s.Writable(ctx, id)
	if err != nil {
		return err
	}
	return cond.Judge(current)
}

// DetachImage removes the image of an account. It does nothing if the account
// has none. Idempotent. Errors: domain.ErrNotFound,
// caller.ErrForbidden, the error of cond.
func (s *Service) DetachImage(ctx context.Context, id int64, cond Condition) error {
	if _, err := s.update(ctx, id, idempotency.Request{}, cond, func(current domain.Account) (domain.Account, []string) {
		return current.WithImage(nil, s.now())
	}); err != nil {
		return fmt.Errorf("detach image: %w", err)
	}
	return nil
}

// readImage returns the cleaned image in r and its description, without the
// name of an object. sent is set to the hash of the bytes in r.
func (s *Service) readImage(ctx context.Context, declared string, r io.Reader, sent *[sha256.Size]byte) (domain.Image, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	img, r, err := domain.ReadImageHeader(r, declared)
	if err != nil {
		return domain.Image{}, nil, err
	}
	if err := s.codec.Admit(int64(img.Width) * int64(img.Height)); err != nil {
		return domain.Image{}, nil, err
	}
	content, err := longwork.ReadAll(ctx, io.LimitReader(r, domain.MaxImageBytes+1))
	if err != nil {
		return domain.Image{}, nil, err
	}
	if len(content) > domain.MaxImageBytes {
		return domain.Image{}, nil, domain.ErrImageBytes
	}
	if err := ctx.Err(); err != nil { // the upload took too long
		return domain.Image{}, nil, err
	}
	ctx, cancel = context.WithTimeout(ctx, imageTime)
	defer cancel()
	clean, err := s.codec.Clean(ctx, content)
	if err != nil {
		return domain.Image{}, nil, outOfTime(err)
	}
	var sum [sha256.Size]byte
	if err := longwork.DoBytes(ctx, len(content), func() error {
		*sent, sum = longwork.Sum256(content), longwork.Sum256(clean.Content)
		return nil
	}); err != nil {
		return domain.Image{}, nil, outOfTime(err)
	}
	img.Width, img.Height = clean.Width, clean.Height
	img.SizeBytes, img.SHA256 = int64(len(clean.Content)), hex.EncodeToString(sum[:])
	return img, clean.Content, nil
}

// outOfTime returns ErrImageTime instead of an error that says that the time for
// an image is over.
func outOfTime(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return domain.ErrImageTime.Wrap(err)
	}
	return err
}
