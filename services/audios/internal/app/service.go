package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// Condition decides whether a request may change an audio, given the state that it
// would change. It runs in the transaction of the change, possibly more than
// once. An error refuses the change. A nil Condition allows every change.
type Condition func(current domain.Audio) error

func (c Condition) judge(current domain.Audio) error {
	if c == nil {
		return nil
	}
	return c(current)
}

// Service runs the use cases. It is safe for concurrent use.
type Service struct {
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
		db: db, files: files,
		// Databases keep microseconds, and answers must equal the stored state.
		now:       func() time.Time { return from.Now().UTC().Truncate(time.Microsecond) },
		newName:   from.NewName,
		transfers: make(chan struct{}, filesAtOnce),
	}
}

// Resource returns an audio as events describe it.
func Resource(a domain.Audio) events.Audio {
	return events.Audio{
		SessionID: a.SessionID, AccountID: a.AccountID, Ticks: a.Ticks[:],
		SelectedTick: a.SelectedTick, StepCount: a.StepCount,
		FileURL: events.FileURL(a.SessionID, a.File.SHA256), Owner: events.CallerID(a.Owner),
		Version: a.Version, ETag: events.ETag(a.Version),
		CreatedAt: events.Time{Time: a.CreatedAt}, UpdatedAt: events.Time{Time: a.UpdatedAt},
	}
}

// Subject returns the subject of an audio's events.
func Subject(sessionID int64) string { return "audio/" + strconv.FormatInt(sessionID, 10) }

// change returns the event of an audio's current version.
func change(ctx context.Context, eventType string, a domain.Audio, fields []string) (events.Event, error) {
	origin := events.OriginFrom(ctx)
	data, err := json.Marshal(events.Change[events.Audio]{
		Resource: Resource(a), ChangedFields: fields, RequestID: origin.RequestID,
		Actor: events.CallerID(caller.From(ctx).ID),
	})
	if err != nil {
		return events.Event{}, fmt.Errorf("encode event: %w", err)
	}
	return events.Event{
		Type: eventType, Subject: Subject(a.SessionID), Version: a.Version, Data: data, Traceparent: origin.Traceparent,
	}, nil
}
