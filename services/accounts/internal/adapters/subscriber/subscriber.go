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
	"github.com/concha-labs/backend/pkg/resource"
	"github.com/concha-labs/backend/services/accounts/internal/app"
)

var errSubject = fault.New(fault.Invalid, "malformed-event", "the event's subject names no account")

// New returns the handler of the service's own events. It deletes the image
// objects that a change of the image or a deletion has left behind.
func New(service *app.Service) bus.Handler {
	return func(ctx context.Context, msg bus.Message) error {
		switch msg.Attributes["ce-type"] {
		case events.AccountUpdatedV1:
			if !resource.HasChanged(msg.Data, "image") {
				return nil
			}
		case events.AccountDeletedV1:
		default:
			return nil
		}
		subject := msg.Attributes["ce-subject"]
		id, err := strconv.ParseInt(strings.TrimPrefix(subject, "account/"), 10, 64)
		if err != nil {
			return errSubject.Wrap(fmt.Errorf("subject %q: %w", subject, err))
		}
		return service.CollectImages(ctx, id)
	}
}
