package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// Condition decides whether a request may change an account, given the state that
// it would change. It runs in the transaction of the change, possibly more than
// once. An error refuses the change. A nil Condition allows every change.
type Condition func(current domain.Account) error

func (c Condition) judge(current domain.Account) error {
	if c == nil {
		return nil
	}
	return c(current)
}

// Service runs the use cases. It is safe for concurrent use.
type Service struct {
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
		db: db, images: images, codec: codec,
		// Databases keep microseconds, and answers must equal the stored state.
		now:   func() time.Time { return from.Now().UTC().Truncate(time.Microsecond) },
		newID: from.NewID, newName: from.NewName,
	}
}

// Resource returns an account as events describe it.
func Resource(a domain.Account) events.Account {
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

// Subject returns the subject of an account's events.
func Subject(id int64) string { return "account/" + strconv.FormatInt(id, 10) }

// change returns the event of an account's current version.
func change(ctx context.Context, eventType string, a domain.Account, fields []string) (events.Event, error) {
	origin := events.OriginFrom(ctx)
	data, err := json.Marshal(events.Change[events.Account]{
		Resource: Resource(a), ChangedFields: fields, RequestID: origin.RequestID,
		Actor: events.CallerID(caller.From(ctx).ID),
	})
	if err != nil {
		return events.Event{}, fmt.Errorf("encode event: %w", err)
	}
	return events.Event{
		Type: eventType, Subject: Subject(a.ID), Version: a.Version, Data: data, Traceparent: origin.Traceparent,
	}, nil
}
