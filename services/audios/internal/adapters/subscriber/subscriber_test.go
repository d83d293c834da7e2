package subscriber_test

import (
	"testing"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/bus/bustest"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/services/audios/internal/adapters/subscriber"
)

func TestMalformedEventsAreNotTriedAgain(t *testing.T) {
	handle := subscriber.New(nil) // no use case is reached
	for _, e := range []events.Event{
		{Type: events.AccountDeletedV1, Subject: "account/x"},
		{Type: events.AccountDeletedV1, Subject: "audio/5"},
		{Type: events.AudioDeletedV1, Subject: "account/5"},
		{Type: events.AudioUpdatedV1, Subject: ""},
	} {
		if err := handle(t.Context(), bus.Message{Attributes: e.Attributes(bustest.Origin)}); err == nil || !bus.Permanent(err) {
			t.Errorf("%s of %q: %v, want a permanent error", e.Type, e.Subject, err)
		}
	}
}
