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
// Every method returns ErrUnavailable if the backend is down, full, or refuses
// access. If ctx ends first, the error wraps both ErrUnavailable and the
// context's error.
type Store interface {
	// Put stores the content of r, read until io.EOF, as a new, durable object.
	// contentType labels the object if the backend supports labels. If reading
	// from r fails or ctx ends, nothing is stored. After ErrUnavailable the
	// object may exist, but never in part. Not idempotent. Errors:
	//   - ErrExists: the name is taken, whatever the content.
	//   - ErrName: the name is invalid.
	//   - an error that wraps r's: r failed.
	Put(ctx context.Context, name, contentType string, r io.Reader) error
	// Open returns a reader of an object, which the caller must close. ctx
	// applies to all reads, which fail with ErrUnavailable when it ends. Seek
	// makes no request: the next Read begins at the new position, and positions
	// past the end read as io.EOF. If the object is deleted while it is open,
	// reading forwards continues, and reading after a Seek backwards may fail
	// with ErrUnavailable. Idempotent. Errors: ErrNotFound, ErrName.
	Open(ctx context.Context, name string) (io.ReadSeekCloser, error)
	// Delete removes the object permanently. Idempotent: deleting a missing
	// object is not an error. Errors: ErrName.
	Delete(ctx context.Context, name string) error
	// List calls yield with the name of each object written in [since, before)
	// whose name is greater than after, in byte order of the names. It stops at
	// the first error of yield and returns that error unchanged. yield may call
	// other methods of the Store. List holds a bounded number of names in
	// memory. Idempotent.
	List(ctx context.Context, after string, since, before time.Time, yield func(name string) error) error
	// Check reports whether the store can be used. Idempotent. Errors:
	// ErrUnavailable.
	Check(ctx context.Context) error
}

// MarkerName is the name under which a store keeps its marker. It is not the name
// of an object.
const MarkerName = ".installation"

// ErrMarkerChanged means that a marker is not the one that was to be replaced.
var ErrMarkerChanged = fault.New(fault.Conflict, "marker-changed", "the marker of the object store has been changed")

// Marker is a small note that a store keeps beside its objects, and the only
// content that changes. Safe for concurrent use, also by several processes on
// Cloud Storage. Errors of both methods: ErrUnavailable.
type Marker interface {
	// ReadMarker returns the marker. Errors: ErrNotFound if there is none.
	ReadMarker(ctx context.Context) (content []byte, err error)
	// WriteMarker durably replaces the marker previous, nil for none, by content,
	// which is not empty. After ErrUnavailable it may have done so. Errors:
	// ErrMarkerChanged if the marker is not previous.
	WriteMarker(ctx context.Context, previous, content []byte) error
}

// MaxMarker is the size of the largest marker.
const MaxMarker = 4 << 10

// maxName is short enough for the name of a file on any file system.
const maxName = 200

// CheckName returns ErrName unless name is a valid name of an object.
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

// Source wraps the reader that is passed to Put. It fails when its context
// ends, and it records read errors, so that an adapter can distinguish them
// from its own write errors.
type Source struct {
	ctx context.Context
	r   io.Reader
	err error
}

// NewSource returns a Source that reads from r until ctx ends.
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

// Err returns the error that ended reading: ErrUnavailable if ctx ended,
// otherwise the error of the reader. It returns nil if reading did not fail.
func (s *Source) Err() error { return s.err }
