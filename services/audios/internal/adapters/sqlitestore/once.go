package sqlitestore

import (
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

// subject returns the subject of the audio that an outcome tells of.
func subject(o app.Outcome) string {
	if o.Refused != nil {
		return ""
	}
	return app.Subject(o.Audio.SessionID)
}

// erased returns the outcome of an audio that has been deleted since.
func erased() app.Outcome { return app.Outcome{Refused: idempotency.ErrErased} }
