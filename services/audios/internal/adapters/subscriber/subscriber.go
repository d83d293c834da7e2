// Package subscriber runs the use cases that events trigger.
package subscriber

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

var errSubject = fault.New(fault.Invalid, "malformed-event", "the event's subject names no resource of its type")

// New returns the handler of the service's own events and of those of accounts.
// It deletes the objects that a change or a deletion has left behind, and
// removes the sessions of a deleted account.
func New(service *app.Service) bus.Handler {
	return func(ctx context.Context, msg bus.Message) error {
		var kind string
		var handle func(context.Context, int64) error
		switch msg.Attributes["ce-type"] {
		case events.AccountDeletedV1:
			kind, handle = "account/", service.RemoveAccount
		case events.AudioUpdatedV1, events.AudioDeletedV1:
			kind, handle = "audio/", service.CollectFiles
		default:
			return nil
		}
		subject := msg.Attributes["ce-subject"]
		id, err := strconv.ParseInt(strings.TrimPrefix(subject, kind), 10, 64)
		if err != nil {
			return errSubject.Wrap(fmt.Errorf("subject %q: %w", subject, err))
		}
		// The consequences of an event belong to its trace.
		ctx = events.WithOrigin(ctx, events.Origin{Traceparent: msg.Attributes["ce-traceparent"]})
		return handle(ctx, id)
	}
}
