package app

import (
	"time"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// Condition decides whether a request may change an account.
type Condition = resource.Condition[domain.Account]

// useCases are those of all resources: Get, Exists, Writable, List, From, Remove.
type useCases = resource.UseCases[domain.Account, events.Account, Query, *Query]

var kind = resource.Kind[domain.Account, events.Account]{
	Name: "account", Scopes: caller.Accounts, Missing: domain.ErrNotFound,
	Created: events.AccountCreatedV1, Updated: events.AccountUpdatedV1, Deleted: events.AccountDeletedV1,
	Body: Body, KeyBody: func(id int64) any { return events.AccountKey{ID: id} },
}

// Subject returns the subject of an account's events.
func Subject(id int64) string { return kind.Subject(id) }

// Service runs the use cases. It is safe for concurrent use.
type Service struct {
	useCases
	db      Database
	images  Images
	codec   Codec
	scaling inFlight
	now     func() time.Time
	newID   func() int64
	newName func() string
}

// Sources are the sources of time and randomness of a Service.
type Sources struct {
	Now     func() time.Time
	NewID   func() int64  // random, in 1..domain.MaxID
	NewName func() string // random, unique; letters and digits
}

// New returns a Service.
func New(db Database, images Images, codec Codec, from Sources) *Service {
	return &Service{
		useCases: useCases{Kind: &kind, Store: db},
		db:       db, images: images, codec: codec,
		// Databases keep microseconds, and answers must equal the stored state.
		now:   func() time.Time { return from.Now().UTC().Truncate(time.Microsecond) },
		newID: from.NewID, newName: from.NewName,
	}
}

// Body returns an account as events describe it.
func Body(a domain.Account) events.Account {
	r := events.Account{
		ID: a.ID, Name: a.Name, Email: string(a.Email), Address: a.Address, Owner: events.CallerID(a.Owner),
		Version: a.Version, ETag: events.ETag(a.Version),
		CreatedAt: events.Time{Time: a.CreatedAt}, UpdatedAt: events.Time{Time: a.UpdatedAt},
	}
	if img := a.Image; img != nil {
		r.Image = &events.Image{
			URL:         events.ImageURL(a.ID, img.SHA256),
			ContentType: img.ContentType, Width: img.Width, Height: img.Height,
			SizeBytes: img.SizeBytes, SHA256: img.SHA256,
		}
	}
	return r
}
