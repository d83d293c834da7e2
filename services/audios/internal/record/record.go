// Package record is the JSON in which both stores keep the results of requests
// with an Idempotency-Key, and how far they have reconciled. The JSON names are a storage format: they never change,
// whatever the fields of the domain are called.
package record

import (
	"time"

	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

type audio struct {
	SessionID    int64                     `json:"SessionID"`
	AccountID    *int64                    `json:"AccountID"`
	Ticks        [domain.TickCount]float64 `json:"Ticks"`
	SelectedTick int                       `json:"SelectedTick"`
	StepCount    int                       `json:"StepCount"`
	File         file                      `json:"File"`
	Owner        string                    `json:"Owner"`
	Version      int64                     `json:"Version"`
	CreatedAt    time.Time                 `json:"CreatedAt"`
	UpdatedAt    time.Time                 `json:"UpdatedAt"`
}

// file has no content: the database or the object store has it.
type file struct {
	Object    string `json:"Object"`
	Kept      bool   `json:"Kept"`
	SizeBytes int64  `json:"SizeBytes"`
	SHA256    string `json:"SHA256"`
}

type outcome struct {
	Audio   audio                `json:"Audio"`
	Refused *idempotency.Refusal `json:"Refused"`
}

func fromAudio(a domain.Audio) audio {
	return audio{
		a.SessionID, a.AccountID, a.Ticks, a.SelectedTick, a.StepCount,
		file{a.File.Object, a.File.Kept, a.File.SizeBytes, a.File.SHA256},
		a.Owner, a.Version, a.CreatedAt, a.UpdatedAt,
	}
}

func (r audio) toAudio() domain.Audio {
	return domain.Audio{
		Session: domain.Session{
			SessionID: r.SessionID, AccountID: r.AccountID, Ticks: r.Ticks, SelectedTick: r.SelectedTick, StepCount: r.StepCount,
		},
		File: domain.File{Object: r.File.Object, Kept: r.File.Kept, SizeBytes: r.File.SizeBytes, SHA256: r.File.SHA256},
		Meta: resource.Meta{Owner: r.Owner, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt},
	}
}

// OfAudio returns an audio as the result of a request.
func OfAudio(a domain.Audio) idempotency.Part {
	return idempotency.Part{Subject: app.Subject(a.SessionID), Result: fromAudio(a)}
}

// Audio returns the audio that is recorded as the result of a request. found
// reports whether there is a record. Errors: idempotency.ErrErased.
func Audio(recorded idempotency.Recorded) (a domain.Audio, found bool, err error) {
	var r audio
	if found, err = recorded.One(&r); err != nil || !found {
		return domain.Audio{}, found, err
	}
	return r.toAudio(), true, nil
}

// OfOutcomes returns the outcomes of a batch as the result of a request.
func OfOutcomes(outcomes []app.Outcome) []idempotency.Part {
	return idempotency.OfOutcomes(outcomes, func(a domain.Audio, refused *idempotency.Refusal) idempotency.Part {
		return idempotency.Part{Subject: app.Subject(a.SessionID), Result: outcome{fromAudio(a), refused}}
	})
}

// Outcomes returns the outcomes that are recorded as the result of a request; see
// idempotency.Outcomes.
func Outcomes(recorded idempotency.Recorded) (outcomes []app.Outcome, found bool, err error) {
	return idempotency.Outcomes(recorded, func(o outcome) (domain.Audio, *idempotency.Refusal) { return o.Audio.toAudio(), o.Refused })
}
