// Package app contains the use cases of accounts and the ports that they need.
package app

import (
	"context"
	"time"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/objects"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// Store keeps accounts, and appends the event of each change to the log in the
// same transaction. Every method is safe for concurrent use, and returns
// fault.Unavailable if the database cannot serve the request.
type Store interface {
	// Create adds an account and returns it. If the same request has
	// created an account in the last 24 hours, Create returns that account as
	// it was then and does nothing. Idempotent if request has a key. Errors:
	//   - domain.ErrEmailTaken: another account has the e-mail.
	//   - domain.ErrIDTaken: the id is or was in use.
	//   - idempotency.ErrReused, of kind fault.Invalid: the earlier request
	//     had another body.
	Create(ctx context.Context, a domain.Account, created events.Event, request idempotency.Request) (domain.Account, error)
	// CreateAll adds accounts and their events, which have the same indexes,
	// one after the other as Create does, but in one transaction. It returns
	// the outcome of each account in order. If the same request, which
	// had the same profiles, has succeeded in the last 24 hours, CreateAll
	// returns its outcomes and does nothing. Idempotent if request has a key.
	// After an error nothing was added. Errors: domain.ErrIDTaken, and
	// idempotency.ErrReused as in Create.
	CreateAll(ctx context.Context, accounts []domain.Account, created []events.Event, request idempotency.Request) ([]Outcome, error)
	// Get returns an account. Idempotent. Errors: domain.ErrNotFound.
	Get(ctx context.Context, id int64) (domain.Account, error)
	// List returns a page of the accounts that match q. Each page starts where
	// the previous one ended. An account that matches q while all pages are
	// read, concurrently with writes, is listed
	//   - exactly once in the order of ids or of creation, ascending or
	//     descending.
	//   - at least once in the ascending order of updates, in which a change
	//     moves an account towards the end.
	//
	// A list of one owner reads only rows of that owner, unless a filter names
	// the resources: its cost does not depend on those of others. Idempotent.
	List(ctx context.Context, q Query) (Page, error)
	// Update replaces an account by the result of decide for its current state,
	// in one transaction, and returns the new state. decide may be called more
	// than once. If the version stays the same, nothing is written. The object
	// of a replaced image is recorded as discarded. If the same request
	// has succeeded in the last 24 hours, Update returns its result and does
	// nothing. Idempotent if request has a key, or decide is. Errors:
	// domain.ErrNotFound, domain.ErrEmailTaken, the error of decide, and
	// idempotency.ErrReused as in Create.
	Update(ctx context.Context, id int64, request idempotency.Request, decide func(current domain.Account) (next domain.Account, updated events.Event, err error)) (domain.Account, error)
	// Delete removes an account unless decide, which may be called more than
	// once, returns an error. It redacts the earlier events of the account and
	// records its image as discarded. Not idempotent: deleting again is
	// domain.ErrNotFound. Errors: domain.ErrNotFound, the error of decide.
	Delete(ctx context.Context, id int64, decide func(current domain.Account) (deleted events.Event, err error)) error
}

// Added is an account that a batch has added. It does not contain the profile, so
// that the record of a batch stays small.
type Added struct {
	ID        int64
	CreatedAt time.Time
}

// Outcome is the result of one account of a batch. The only reason of a refusal is
// domain.ErrEmailTaken.
type Outcome = idempotency.Outcome[Added]

// Database is the ports that one database implements.
type Database interface {
	Store
	objects.Discards
}

// Images keeps the content of images.
type Images = objects.Store

// Codec reads and writes images. It is safe for concurrent use. Calls wait for
// the memory that they need, so that all of them together take a bounded amount;
// if too many wait already they fail at once. They end, and stop working, with
// ctx.
type Codec interface {
	// Admit returns domain.ErrImagesBusy if an image of so many pixels would be
	// refused now because too much work waits already. The file need not be read
	// then. Idempotent.
	Admit(pixels int64) error
	// Clean decodes a JPEG or PNG completely. It returns the image without data
	// that its picture does not need, such as place, camera, comments and
	// damage. It turns the image upright if its Exif orientation requires it. A
	// clean file is returned unchanged. Errors:
	//   - domain.ErrImageType: it cannot be decoded to its last pixel.
	//   - domain.ErrImagePixels, domain.ErrImageWork: decoding would take too
	//     much.
	//   - domain.ErrImageBytes: it is too long after cleaning.
	//   - domain.ErrImagesBusy: it waited too long for memory.
	//   - the error of ctx.
	Clean(ctx context.Context, content []byte) (Picture, error)
	// Room waits until an image of so many bytes may be read for Scale. The caller
	// calls release once it no longer needs the image. Errors:
	// domain.ErrImagesBusy, at once, if too many wait; the error of ctx.
	Room(ctx context.Context, bytes int64) (release func(), err error)
	// Scale returns an image whose longer side has side pixels, in the format
	// of content, which must be a result of Clean. Errors: as in Clean.
	Scale(ctx context.Context, content []byte, side int) ([]byte, error)
}

// Picture is a cleaned image.
type Picture struct {
	Content       []byte
	Width, Height int // pixels
}
