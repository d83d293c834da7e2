// Package app has the use cases of accounts and the ports they need.
package app

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"time"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// Store keeps accounts and, in the same transaction as each change, the event
// that tells of it. Every method is safe for concurrent use and fails with
// fault.Unavailable if the database cannot take the request.
type Store interface {
	// Create adds an account and returns it. If a request of this once has
	// created one in the last 24 hours, it returns that as it was then, and
	// does nothing. Errors: domain.ErrEmailTaken, domain.ErrIDTaken;
	// idempotency-key-reused, of kind fault.Invalid, if that request had
	// another body.
	Create(ctx context.Context, a domain.Account, created events.Event, once Once) (domain.Account, error)
	// CreateAll adds accounts, each with the event at its place, as Create would,
	// one after the other, but in one transaction, and returns what became of
	// each, in their order. Or, if a request of this once, which had the same
	// profiles, has come through in the last 24 hours, what became of them then,
	// and does nothing. Errors: domain.ErrIDTaken, idempotency-key-reused as of
	// Create; then nothing is added.
	CreateAll(ctx context.Context, accounts []domain.Account, created []events.Event, once Once) ([]Outcome, error)
	// Get returns an account. Errors: domain.ErrNotFound.
	Get(ctx context.Context, id int64) (domain.Account, error)
	// List returns a page of the accounts that match q. The pages of a list,
	// each from where the one before ended, hold what matches q all along, while
	// others write: exactly once in the order of ids or of creation, either way;
	// at least once in the order of updates, where a change moves an account
	// towards the end, if that is ascending.
	List(ctx context.Context, q Query) (Page, error)
	// Update replaces an account by what decide makes of its current state, as
	// one transaction; decide may be called more than once. If the version
	// stays, nothing is written. The object of an image that is replaced is
	// recorded as discarded. It returns the account as it is afterwards; or, if
	// a request of this once has come through in the last 24 hours, as it was
	// after that, and does nothing. Errors: domain.ErrNotFound,
	// domain.ErrEmailTaken, decide's own, idempotency-key-reused as of Create.
	Update(ctx context.Context, id int64, once Once, decide func(current domain.Account) (next domain.Account, updated events.Event, err error)) (domain.Account, error)
	// Delete removes an account unless decide, which may be called more than
	// once, refuses. The earlier events of the account are redacted, its image
	// is recorded as discarded. Errors: domain.ErrNotFound, decide's own.
	Delete(ctx context.Context, id int64, decide func(current domain.Account) (deleted events.Event, err error)) error
}

// Once makes a request that may come again, such as after its answer was lost,
// have its effect once. The zero Once lets it have its effect each time.
type Once struct {
	Key  [sha256.Size]byte // what the request is known again by; zero if by nothing
	Body [sha256.Size]byte // hash of what it sends, which must be the same again
}

// from returns the Once of the part of a request that begins with item n, so
// that each part is known again by itself. The first is known by the key of the
// whole.
func (o Once) from(n int) Once {
	if n > 0 && o.Key != ([sha256.Size]byte{}) {
		o.Key = sha256.Sum256(binary.BigEndian.AppendUint64(o.Key[:], uint64(n)))
	}
	return o
}

// Outcome is what became of one account of many. It leaves out the profile, so
// that the record of many stays small.
type Outcome struct {
	ID        int64        // if it was added
	CreatedAt time.Time    // if it was added
	Refused   *fault.Error // else why not: domain.ErrEmailTaken
}

// Discards are the objects that no account refers to any more. They are
// recorded by the Store in the transaction that dropped the reference. Safe
// for concurrent use; both methods are idempotent.
type Discards interface {
	// Discarded returns the objects that an account has left behind.
	Discarded(ctx context.Context, accountID int64) (objects []string, err error)
	// ForgetDiscarded drops the record of objects that are gone.
	ForgetDiscarded(ctx context.Context, accountID int64, objects []string) error
}

// Images keeps the content of images as immutable objects; see blob.Store.
type Images interface {
	// Put stores an object under a name that is not in use.
	Put(ctx context.Context, name, contentType string, r io.Reader) error
	// Open returns a reader of an object, which the caller closes. Errors:
	// fault.NotFound.
	Open(ctx context.Context, name string) (io.ReadSeekCloser, error)
	// Delete removes an object. Idempotent.
	Delete(ctx context.Context, name string) error
	// List calls yield with the name of each object written before a moment.
	List(ctx context.Context, before time.Time, yield func(name string) error) error
}

// Codec reads and writes images. It is safe for concurrent use. Calls wait for
// the memory that they need, so that all of them together take a bounded amount;
// if too many wait already they fail at once. They end, and stop working, with
// ctx.
type Codec interface {
	// Clean reads the whole of a JPEG or PNG and returns it without any byte that
	// its picture does not need, such as place, camera, comments and damage, and
	// upright if its Exif says that it is to be turned. A file that is clean comes
	// back byte for byte. Errors: domain.ErrImageType if it cannot be decoded to
	// its last pixel, ErrImagePixels, ErrImageWork, ErrImageBytes if it is too
	// long once it is clean, ErrImagesBusy, ctx's.
	Clean(ctx context.Context, content []byte) (Picture, error)
	// Scale returns an image whose longer side is side pixels, in the format of
	// content, which is of Clean. Errors: as of Clean.
	Scale(ctx context.Context, content []byte, side int) ([]byte, error)
}

// Picture is a whole image.
type Picture struct {
	Content       []byte
	Width, Height int // pixels
}
