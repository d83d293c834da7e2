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

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
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

// AttachImage gives an account, once, the image that r holds, whose type must be
// declared if that is not empty; see Codec for what of it is kept. The Body of
// once is found here. The content is stored under a fresh name
// first and referred to afterwards, so a reference never points at nothing;
// what it replaces is collected when the event comes round, and an object whose
// transaction failed is left to SweepImages. Errors: domain.ErrNotFound,
// domain.ErrImageType, ErrImageMismatch, ErrImageBytes, ErrImagePixels,
// ErrImageWork, ErrImagesBusy, ErrImageTime, idempotency.ErrReused; check's and
// r's own.
func (s *Service) AttachImage(ctx context.Context, id int64, declared string, r io.Reader, once idempotency.Request, check Check) (domain.Account, error) {
	if once == (idempotency.Request{}) { // a refusal before anything is uploaded; a request that comes again may be due no refusal
		current, err := s.store.Get(ctx, id)
		if err == nil {
			err = check.judge(current)
		}
		if err != nil {
			return domain.Account{}, fmt.Errorf("attach image: %w", err)
		}
	}
	sent := sha256.New()
	img, content, err := s.readImage(ctx, declared, io.TeeReader(r, sent))
	if err != nil {
		return domain.Account{}, fmt.Errorf("attach image: %w", err)
	}
	extension := strings.TrimPrefix(img.ContentType, "image/")
	img.Object = strconv.FormatInt(id, 10) + "/" + s.newName() + "." + extension
	if err := s.images.Put(ctx, img.Object, img.ContentType, bytes.NewReader(content)); err != nil {
		return domain.Account{}, fmt.Errorf("store image: %w", err)
	}
	once.Body = [sha256.Size]byte(sent.Sum(nil))
	a, err := s.update(ctx, id, once, check, func(current domain.Account) (domain.Account, []string) {
		return current.WithImage(&img, s.now())
	})
	if err != nil {
		s.dropImage(ctx, img, err)
		return domain.Account{}, fmt.Errorf("attach image: %w", err)
	}
	if a.Image == nil || a.Image.Object != img.Object { // the account has the same content already, or the request is a repetition
		s.dropImage(ctx, img, nil)
	}
	return a, nil
}

// dropImage deletes an object to which no account refers because its
// transaction ended with err. If that is not certain, or deleting fails, the
// object is left to SweepImages.
func (s *Service) dropImage(ctx context.Context, img domain.Image, err error) {
	if err != nil {
		switch fault.KindOf(err) {
		case fault.Invalid, fault.NotFound, fault.Conflict, fault.Precondition:
		default:
			return
		}
	}
	_ = s.images.Delete(context.WithoutCancel(ctx), img.Object)
}

// DetachImage removes the image of an account. It does nothing if the account
// has none. Idempotent. Errors: domain.ErrNotFound, the error of check.
func (s *Service) DetachImage(ctx context.Context, id int64, check Check) error {
	if _, err := s.update(ctx, id, idempotency.Request{}, check, func(current domain.Account) (domain.Account, []string) {
		return current.WithImage(nil, s.now())
	}); err != nil {
		return fmt.Errorf("detach image: %w", err)
	}
	return nil
}

// readImage returns the cleaned image in r and its description, without the
// name of an object.
func (s *Service) readImage(ctx context.Context, declared string, r io.Reader) (domain.Image, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	img, r, err := domain.ReadImageHeader(r, declared)
	if err != nil {
		return domain.Image{}, nil, err
	}
	content, err := io.ReadAll(io.LimitReader(r, domain.MaxImageBytes+1))
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
	sum := sha256.Sum256(clean.Content)
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
