package app

import (
	"time"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Condition decides whether a request may change an audio.
type Condition = resource.Condition[domain.Audio]

// useCases are those of all resources: Get, Exists, Writable, List, From, Remove.
type useCases = resource.UseCases[domain.Audio, events.Audio, Query, *Query]

var kind = resource.Kind[domain.Audio, events.Audio]{
	Name: "audio", Scopes: caller.Audios, Missing: domain.ErrNotFound,
	Created: events.AudioCreatedV1, Updated: events.AudioUpdatedV1, Deleted: events.AudioDeletedV1,
	Body: Body, KeyBody: func(id int64) any { return events.AudioKey{SessionID: id} },
}

// Subject returns the subject of an audio's events.
func Subject(sessionID int64) string { return kind.Subject(sessionID) }

// Service runs the use cases. It is safe for concurrent use.
type Service struct {
	useCases
	db      Database
	files   Files
	now     func() time.Time
	newName func() string
	// transfers has an element for each object that a batch is storing or
	// deleting.
	transfers chan struct{}
}

// Sources are the sources of time and randomness of a Service.
type Sources struct {
	Now     func() time.Time
	NewName func() string // random, unique; letters and digits
}

// New returns a Service.
func New(db Database, files Files, from Sources) *Service {
	return &Service{
		useCases: useCases{Kind: &kind, Store: db},
		db:       db, files: files,
		// Databases keep microseconds, and answers must equal the stored state.
		now:       func() time.Time { return from.Now().UTC().Truncate(time.Microsecond) },
		newName:   from.NewName,
		transfers: make(chan struct{}, filesAtOnce),
	}
}

// Body returns an audio as events describe it.
func Body(a domain.Audio) events.Audio {
	return events.Audio{
		SessionID: a.SessionID, AccountID: a.AccountID, Ticks: a.Ticks[:],
		SelectedTick: a.SelectedTick, StepCount: a.StepCount,
		FileURL: events.FileURL(a.SessionID, a.File.SHA256), Owner: events.CallerID(a.Owner),
		Version: a.Version, ETag: events.ETag(a.Version),
		CreatedAt: events.Time{Time: a.CreatedAt}, UpdatedAt: events.Time{Time: a.UpdatedAt},
	}
}
