// Package app contains the use cases of audios and the ports that they need.
package app

import (
	"context"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/objects"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Store keeps audios, and appends the event of each change to the log in the
// same transaction. Every method is safe for concurrent use, and returns
// fault.Unavailable if the database cannot serve the request.
type Store interface {
	// Get returns an audio. Idempotent. Errors: domain.ErrNotFound.
	Get(ctx context.Context, sessionID int64) (domain.Audio, error)
	// List returns a page of the audios that match q. Each page starts where
	// the previous one ended. An audio that matches q while all pages are read,
	// concurrently with writes, is listed
	//   - exactly once in the order of ids or of creation, ascending or
	//     descending.
	//   - at least once in the ascending order of updates, in which a change
	//     moves an audio towards the end.
	//
	// A list of one owner reads only rows of that owner, unless a filter names
	// the resources: its cost does not depend on those of others. Idempotent.
	List(ctx context.Context, q Query) (Page, error)
	// Create adds the audio that decide returns for a session. decide receives
	// the last version that the session had before it was deleted, or 0 if it
	// never existed, and may be called more than once. Create returns the added
	// audio. If the same request has created an audio in the last 24
	// hours, Create returns that audio as it was then and does nothing.
	// Idempotent if request has a key. accounts holds the accounts that s may
	// have. Errors:
	//   - domain.ErrSessionTaken: the session exists.
	//   - domain.ErrAccountDeleted: RemoveAccount has recorded the account of s
	//     as deleted.
	//   - domain.ErrAccountUnknown: the account of s is not in accounts, as far
	//     as AddAccount has recorded it.
	//   - idempotency.ErrReused, of kind fault.Invalid: the earlier request
	//     had another body.
	//   - the error of decide.
	Create(ctx context.Context, s domain.Session, accounts caller.Reach, request idempotency.Request, decide func(last int64) (a domain.Audio, created events.Event, err error)) (domain.Audio, error)
	// CreateAll creates audios one after the other as Create does, but in one
	// transaction, and returns the outcome of each session in order. decide
	// also receives the index of the session. refuse receives the reason why a
	// session is not created, and may be called more than once. If it returns an
	// error, the whole batch fails. If the same request has succeeded in the last
	// 24 hours, CreateAll returns its outcomes and does nothing. Idempotent if
	// request has a key. After an error nothing was created or recorded. Errors:
	// those of decide and refuse, and idempotency.ErrReused as in Create.
	CreateAll(ctx context.Context, sessions []domain.Session, accounts caller.Reach, request idempotency.Request, decide func(i int, last int64) (a domain.Audio, created events.Event, err error), refuse func(reason *fault.Error) error) ([]Outcome, error)
	// Update replaces an audio by the result of decide for its current state, in
	// one transaction, and returns the new state. decide may be called more than
	// once. If it gives the audio a new account, that must be account.ID. If the
	// version stays the same, nothing is written. The object of a replaced file is
	// recorded as discarded. Idempotent if decide is. Errors:
	//   - domain.ErrNotFound: there is no such audio.
	//   - domain.ErrAccountDeleted: something would be written, and
	//     RemoveAccount has recorded the account as deleted.
	//   - domain.ErrAccountUnknown: something would be written, and the account
	//     is not in account.Reach, as far as AddAccount has recorded it.
	//   - the error of decide.
	Update(ctx context.Context, sessionID int64, account AccountOf, decide func(current domain.Audio) (next domain.Audio, updated events.Event, err error)) (domain.Audio, error)
	// Delete removes an audio unless decide, which may be called more than
	// once, returns an error. It records the version of the event as the
	// session's last one, redacts the session's earlier events, and records the
	// object of its file as discarded. Not idempotent: deleting again is
	// domain.ErrNotFound. Errors: domain.ErrNotFound, the error of decide.
	Delete(ctx context.Context, sessionID int64, decide func(current domain.Audio) (deleted events.Event, err error)) error
}

// AccountOf is the account that a change gives to an audio.
type AccountOf struct {
	ID    *int64       // nil if the change does not give it an account
	Reach caller.Reach // the owners whose accounts it may have
}

// Results looks up the recorded results of requests.
type Results interface {
	// Recorded returns the outcomes that Store.CreateAll has recorded for a request
	// with a key. found reports whether there are any. Idempotent. Errors:
	// idempotency.ErrReused, as in Store.Create. Safe for concurrent use.
	Recorded(ctx context.Context, request idempotency.Request) (outcomes []Outcome, found bool, err error)
}

// Accounts records what events say about accounts. Every method is safe for
// concurrent use, and returns fault.Unavailable if the database cannot serve the
// request.
type Accounts interface {
	// AddAccounts records the owners of accounts, by the accounts' ids, except for
	// accounts that are recorded already, as deleted or with an owner. It returns
	// how many it has recorded. Idempotent.
	AddAccounts(ctx context.Context, owners map[int64]string) (added int64, err error)
	// OwnedAccounts returns the ids of at most limit accounts that AddAccounts has
	// recorded and RemoveAccount has not removed: those above after, ascending.
	// Idempotent.
	OwnedAccounts(ctx context.Context, after int64, limit int) ([]int64, error)
	// RemoveAccount records permanently that an account is deleted, forgets its
	// owner, and deletes at most limit of its audios as Store.Delete does, in one
	// transaction; fewer if the transaction would be too large. It returns the
	// number of deleted audios, which is 0 only if no audio is left. Idempotent.
	// Errors: the error of decide.
	RemoveAccount(ctx context.Context, accountID int64, limit int, decide func(current domain.Audio) (deleted events.Event, err error)) (removed int, err error)
}

// Reconciliations keeps how far Service.Reconcile has come.
type Reconciliations interface {
	// UpdateReconciliation replaces the Reconciliation, the zero one at first, by
	// the result of change, in one transaction, and returns it. change may be
	// called more than once. Safe for concurrent use. Errors: change's own,
	// fault.Unavailable.
	UpdateReconciliation(ctx context.Context, change func(current Reconciliation) (Reconciliation, error)) (Reconciliation, error)
}

// AccountsService is the service that keeps the accounts. Every method is
// idempotent and safe for concurrent use, and returns fault.Unavailable if the
// service cannot be used.
type AccountsService interface {
	// Events returns events of accounts after a cursor, "" for those from the
	// oldest on, in the order of their commits. Errors: ErrCursorExpired.
	Events(ctx context.Context, cursor string) (AccountEvents, error)
	// Existing returns those of at most MaxAccounts ids that accounts have.
	Existing(ctx context.Context, ids []int64) ([]int64, error)
}

// Outcome is the result of one session of a batch. The reasons of a refusal are
// domain.ErrSessionTaken, domain.ErrAccountDeleted and domain.ErrAccountUnknown.
type Outcome = idempotency.Outcome[domain.Audio]

// Documents reads the documents that a Store keeps. It writes them with the
// audios: if the File of an audio from decide has Content, Create, CreateAll and
// Update write it in their transaction. It deletes the document of an audio in
// the transaction that deletes the audio, or gives it a File that is not Kept.
type Documents interface {
	// WithDocument returns an audio as Store.Get does, with the Content of its
	// File if that is Kept, both as they were at one moment. Idempotent. Safe
	// for concurrent use. Errors: as in Store.Get.
	WithDocument(ctx context.Context, sessionID int64) (domain.Audio, error)
}

// Database is the ports that one database implements.
type Database interface {
	Store
	Results
	Accounts
	Reconciliations
	Documents
	objects.Discards
}

// Files keeps large documents of audios.
type Files = objects.Store
