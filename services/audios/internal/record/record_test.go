package record_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/idempotency/idempotencytest"
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
	"github.com/concha-labs/backend/services/audios/internal/record"
)

// These were written on 2026-11-29, earlierJSON by an earlier release. Records like
// them are in databases.
const (
	audioJSON   = `{"SessionID":7,"AccountID":5,"Ticks":[-100,-10.25,0,0,0,0,0,0,0,0,0,0,0,0,0],"SelectedTick":3,"StepCount":9,"File":{"Object":"","Kept":true,"SizeBytes":2,"SHA256":"abc"},"Owner":"key:ann","Version":2,"CreatedAt":"2026-01-02T03:04:05.678901Z","UpdatedAt":"2026-01-02T03:04:06Z"}`
	earlierJSON = `{"SessionID":7,"AccountID":5,"Ticks":[-100,-10.25,0,0,0,0,0,0,0,0,0,0,0,0,0],"SelectedTick":3,"StepCount":9,"File":{"Object":"7/A.json","SizeBytes":2,"SHA256":"abc"},"Owner":"key:ann","Version":2,"CreatedAt":"2026-01-02T03:04:05.678901Z","UpdatedAt":"2026-01-02T03:04:06Z"}`
	createdJSON = `{"Audio":` + audioJSON + `,"Refused":null}`
	refusedJSON = `{"Audio":{"SessionID":0,"AccountID":null,"Ticks":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"SelectedTick":0,"StepCount":0,"File":{"Object":"","Kept":false,"SizeBytes":0,"SHA256":""},"Owner":"","Version":0,"CreatedAt":"0001-01-01T00:00:00Z","UpdatedAt":"0001-01-01T00:00:00Z"},"Refused":{"Kind":1,"Code":"account-deleted","Detail":"the account of the audio session has been deleted","Violations":[{"pointer":"/account_id","detail":"must not be a deleted account"}],"RetryAfter":0}}`
)

// audio returns an audio with a file, whose content is not recorded.
func audio(file domain.File) domain.Audio {
	return domain.Audio{
		Session: domain.Session{SessionID: 7, AccountID: new(int64(5)), Ticks: [15]float64{-100, -10.25}, SelectedTick: 3, StepCount: 9},
		File:    file,
		Meta: resource.Meta{
			Owner: "key:ann", Version: 2,
			CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), UpdatedAt: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
		},
	}
}

func TestAudio(t *testing.T) {
	idempotencytest.WantFormat(t, record.OfAudio(audio(domain.File{Kept: true, Content: "{}", SizeBytes: 2, SHA256: "abc"})), audioJSON)
	for text, file := range map[string]domain.File{
		audioJSON:   {Kept: true, SizeBytes: 2, SHA256: "abc"},
		earlierJSON: {Object: "7/A.json", SizeBytes: 2, SHA256: "abc"},
	} {
		got, found, err := record.Audio(idempotency.Recorded{[]byte(text)})
		if diff := cmp.Diff(audio(file), got); diff != "" || !found || err != nil {
			t.Errorf("Audio: %t, %v (-want +got):\n%s", found, err, diff)
		}
	}
}

func TestOutcomes(t *testing.T) {
	outcomes := []app.Outcome{{Result: audio(domain.File{Kept: true, SizeBytes: 2, SHA256: "abc"})}, {Refused: domain.ErrAccountDeleted}}
	parts := record.OfOutcomes(outcomes)
	idempotencytest.WantFormat(t, parts[0], createdJSON)
	idempotencytest.WantFormat(t, parts[1], refusedJSON)
	got, found, err := record.Outcomes(idempotency.Recorded{[]byte(createdJSON), []byte(refusedJSON), nil})
	outcomes = append(outcomes, app.Outcome{Refused: idempotency.ErrErased})
	if diff := cmp.Diff(outcomes, got, cmpopts.IgnoreUnexported(fault.Error{})); diff != "" || !found || err != nil {
		t.Errorf("Outcomes: %t, %v (-want +got):\n%s", found, err, diff)
	}
}
