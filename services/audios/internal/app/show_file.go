package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// A file may be replaced and its object deleted after the audio was read. The
// audio is then read again.
const openAttempts = 3

// File returns the current file of an audio. The content is opened only if
// wanted returns true; otherwise it is nil. Idempotent. Errors:
// domain.ErrNotFound, domain.ErrFileLost, caller.ErrForbidden.
func (s *Service) File(ctx context.Context, sessionID int64, wanted func(domain.File) bool) (file domain.File, content io.ReadSeekCloser, err error) {
	for attempt := 1; ; attempt++ {
		a, err := s.withDocument(ctx, sessionID)
		if err != nil {
			return domain.File{}, nil, fmt.Errorf("show file: %w", err)
		}
		switch {
		case !wanted(a.File):
			return a.File, nil, nil
		case a.File.Kept:
			return a.File, inMemory{strings.NewReader(a.File.Content)}, nil
		case a.File.Rendered():
			return a.File, inMemory{bytes.NewReader(a.Document())}, nil
		}
		content, err := s.files.Open(ctx, a.File.Object)
		switch {
		case err == nil:
			return a.File, content, nil
		case fault.KindOf(err) != fault.NotFound:
			return domain.File{}, nil, fmt.Errorf("open file: %w", err)
		case attempt == openAttempts:
			return domain.File{}, nil, domain.ErrFileLost.Wrap(fmt.Errorf("object %s: %w", a.File.Object, err))
		}
	}
}

// withDocument is Get, and reads the document in the same call if it is kept.
func (s *Service) withDocument(ctx context.Context, sessionID int64) (domain.Audio, error) {
	reach, err := caller.From(ctx).Read(caller.Audios)
	if err != nil {
		return domain.Audio{}, err
	}
	a, err := s.db.WithDocument(ctx, sessionID)
	return s.Within(reach, a, err)
}

// inMemory is content that is not an object.
type inMemory struct{ io.ReadSeeker }

func (inMemory) Close() error { return nil }
