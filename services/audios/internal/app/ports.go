// Package app has the use cases of audios and the ports they need.
package app

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"time"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Store keeps audios and, in the same transaction as each change, the event
// that tells of it. Every method is safe for concurrent use and fails with
// fault.Unavailable if the database cannot take the request.
type Store interface {
	// Get returns an audio. Errors: domain.ErrNotFound.
	Get(ctx context.Context, sessionID int64) (domain.Audio, error)
	// List returns a page of the audios that match q. The pages of a list, each
	// from where the one before ended, hold what matches q all along, while
	// others write: exactly once in the order of ids or of creation, either way;
	// at least once in the order of updates, where a change moves an audio
	// towards the end, if that is ascending.
	List(ctx context.Context, q Query) (Page, error)
	// Update replaces the audio of s.SessionID by what decide makes of its
	// current state, as one transaction; decide may be called more than once,
	// and gives the audio no other account than that of s or the one that it
	// has. If the version stays, nothing is written. The object of a file that
	// is replaced, if there is one, is recorded as discarded.
	// It returns the audio as it is afterwards. Errors: domain.ErrNotFound;
	// domain.ErrAccountDeleted if anything would be written and s is of an
	// account that RemoveAccount was told of; decide's own.
	Update(ctx context.Context, s domain.Session, decide func(current domain.Audio) (next domain.Audio, updated events.Event, err error)) (domain.Audio, error)
	// Delete removes an audio unless decide, which may be called more than
	// once, refuses. The version of the event is remembered as the session's
	// last, its earlier events are redacted, the object of its file, if there
	// is one, is recorded as discarded. Errors: domain.ErrNotFound, decide's own.
	Delete(ctx context.Context, sessionID int64, decide func(current domain.Audio) (deleted events.Event, err error)) error
	// RemoveAccount records, for good, that an account is deleted, and deletes
	// at most limit of its audios as Delete does, all in one transaction; fewer
	// if that would be too large. Idempotent. It returns how many it deleted: 0
	// only if none was left. Errors: decide's own.
	RemoveAccount(ctx context.Context, accountID int64, limit int, decide func(current domain.Audio) (deleted events.Event, err error)) (removed int, err error)
}

// Creator adds audios to those of a Store, on the same terms.
type Creator interface {
	// Create adds the audio of a session that decide makes, given the last
	// version that the session had before it was deleted, 0 if it never
	// existed; decide may be called more than once, always with s. It returns
	// what it added; or, if a request of this once has created one in the last
	// 24 hours, that as it was then, and does nothing. Errors:
	// domain.ErrSessionTaken; domain.ErrAccountDeleted if s is of an account
	// that RemoveAccount was told of; decide's own; idempotency-key-reused, of
	// kind fault.Invalid, if the request of this once had another body.
	Create(ctx context.Context, s domain.Session, once Once, decide func(last int64) (a domain.Audio, created events.Event, err error)) (domain.Audio, error)
	// CreateAll creates audios as Create would, one after the other, but in one
	// transaction, and returns what became of each session, in their order;
	// decide is given the place of the session, too. Or, if a request of this
	// once has come through in the last 24 hours, what became of them then, and
	// does nothing. Errors: decide's own, idempotency-key-reused as of Create;
	// then nothing is created.
	CreateAll(ctx context.Context, sessions []domain.Session, once Once, decide func(i int, last int64) (a domain.Audio, created events.Event, err error)) ([]Outcome, error)
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

// Outcome is what became of one session of many.
type Outcome struct {
	Audio   domain.Audio // if it was created
	Refused *fault.Error // else why not: domain.ErrSessionTaken or domain.ErrAccountDeleted
}

// Discards are the objects that no audio refers to any more. They are recorded
// by the Store in the transaction that dropped the reference. Safe for
// concurrent use; both methods are idempotent.
type Discards interface {
	// Discarded returns the objects that a session has left behind.
	Discarded(ctx context.Context, sessionID int64) (objects []string, err error)
	// ForgetDiscarded drops the record of objects that are gone.
	ForgetDiscarded(ctx context.Context, sessionID int64, objects []string) error
}

// Files keeps the documents of audios as immutable objects; see blob.Store.
type Files interface {
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
