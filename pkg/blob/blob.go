// Package blob is the port to an object store. The adapters are gcsblob (Cloud
// Storage) and fileblob (a folder); both pass blobtest.
package blob

import (
	"context"
	"io"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
)

// The errors of a Store, besides fault.Unavailable for a backend that is down
// or full.
var (
	ErrNotFound = fault.New(fault.NotFound, "no-such-object", "there is no such object")
	ErrExists   = fault.New(fault.Conflict, "object-exists", "an object of that name exists")
	ErrName     = fault.New(fault.Invalid, "invalid-object-name", "an object's name is slash-separated segments of letters, digits, '.', '_' and '-', none starting with a '.'")
)

// Store keeps immutable objects under names. It is safe for concurrent use.
type Store interface {
	// Put stores what r gives until io.EOF as a new, durable object. If r or
	// the context fails, or ctx ends, nothing is stored under name and the
	// error wraps r's. Errors: ErrExists, ErrName. Objects are written once;
	// a Put repeated after an unknown outcome answers ErrExists.
	Put(ctx context.Context, name, contentType string, r io.Reader) error
	// Open reads length bytes from offset, all from there if length is
	// negative; what lies past the end is not an error, only absent. The
	// content is verified against its checksum when read whole.
	// Errors: ErrNotFound, ErrName.
	Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)
	// Delete removes the object for good. Idempotent: a missing one is no
	// error. Errors: ErrName.
	Delete(ctx context.Context, name string) error
	// List calls yield with the name of each object that was last written
	// before the given moment, in the order of the names, and stops at
	// yield's first error, which it returns.
	List(ctx context.Context, before time.Time, yield func(name string) error) error
	// Check returns nil if the store can be reached, else fault.Unavailable.
	Check(ctx context.Context) error
}
