// Package blob is the port to an object store. The adapters are gcsblob (Cloud
// Storage) and fileblob (a folder); both pass blobtest.
package blob

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
)

// The errors of a Store.
var (
	ErrNotFound    = fault.New(fault.NotFound, "no-such-object", "there is no such object")
	ErrExists      = fault.New(fault.Conflict, "object-exists", "an object of that name exists")
	ErrName        = fault.New(fault.Invalid, "invalid-object-name", "an object's name is at most 200 characters: slash-separated segments of ASCII letters, digits, '.', '_' and '-', none starting with a '.'")
	ErrUnavailable = fault.New(fault.Unavailable, "object-store-unavailable", "the object store cannot do this at the moment; try again later")
)

// Store keeps immutable objects under names. It is safe for concurrent use.
//
// Every method returns ErrUnavailable if the backend is down, full or refuses,
// and, wrapping the context's error too, if ctx ends first.
type Store interface {
	// Put stores what r gives until io.EOF as a new, durable object, labelled
	// contentType where the backend has such labels. If r fails, or ctx ends
	// while it is read, nothing is stored and the error wraps r's. After
	// ErrUnavailable the object may be there nevertheless, but whole.
	// Errors: ErrExists if the name is taken, by whatever content; ErrName.
	Put(ctx context.Context, name, contentType string, r io.Reader) error
	// Open returns a reader of an object, which the caller closes. Seek costs
	// nothing by itself: the next Read begins there, and holds no more in memory
	// than it gives. What lies past the end is not an error, only absent. ctx
	// holds for the reading as well, which fails with ErrUnavailable rather
	// than end early; it goes on forwards if the object is deleted meanwhile,
	// and fails so, if at all, where it goes back. Errors: ErrNotFound, ErrName.
	Open(ctx context.Context, name string) (io.ReadSeekCloser, error)
	// Delete removes the object for good. Idempotent: a missing one is no
	// error. Errors: ErrName.
	Delete(ctx context.Context, name string) error
	// List calls yield with the name of each object that was last written
	// before the given moment, in byte order of the names, and stops at
	// yield's first error, which it returns as it is. yield may use the Store.
	List(ctx context.Context, before time.Time, yield func(name string) error) error
	// Check returns nil if the store can be used, else ErrUnavailable.
	Check(ctx context.Context) error
}

// maxName keeps a name within what one file's name may have on any file system.
const maxName = 200

// CheckName returns ErrName unless name may name an object.
func CheckName(name string) error {
	if len(name) > maxName {
		return ErrName
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment[0] == '.' || strings.ContainsFunc(segment, foreign) {
			return ErrName
		}
	}
	return nil
}

func foreign(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '_', r == '-':
		return false
	}
	return true
}

// Source is Put's reader as an adapter reads it: it ends when its context does,
// and keeps its failure apart from those of what it is copied to.
type Source struct {
	ctx context.Context
	r   io.Reader
	err error
}

// NewSource returns a Source of what r gives while ctx lasts.
func NewSource(ctx context.Context, r io.Reader) *Source {
	return &Source{ctx: ctx, r: r}
}

func (s *Source) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		s.err = ErrUnavailable.Wrap(context.Cause(s.ctx))
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.EOF itself is the end, one that is wrapped a failure
		if s.ctx.Err() != nil {
			err = ErrUnavailable.Wrap(err)
		}
		s.err = err
	}
	return n, err
}

// Err returns why reading failed: ErrUnavailable if ctx ended, else the
// reader's own error; nil if it did not fail.
func (s *Source) Err() error { return s.err }
