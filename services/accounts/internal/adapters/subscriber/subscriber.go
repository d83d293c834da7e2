// Package subscriber runs the use cases that events trigger.
package subscriber

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/jsonscan"
	"github.com/concha-labs/backend/services/accounts/internal/app"
)

var errSubject = fault.New(fault.Invalid, "malformed-event", "the event's subject names no account")

// New returns the handler of the service's own events. It deletes the image
// objects that a change of the image or a deletion has left behind.
func New(service *app.Service) bus.Handler {
	return func(ctx context.Context, msg bus.Message) error {
		switch msg.Attributes["ce-type"] {
		case events.AccountUpdatedV1, events.AccountDeletedV1:
		default:
			return nil
		}
		subject := msg.Attributes["ce-subject"]
		id, err := strconv.ParseInt(strings.TrimPrefix(subject, "account/"), 10, 64)
		if err != nil {
			return errSubject.Wrap(fmt.Errorf("subject %q: %w", subject, err))
		}
		if msg.Attributes["ce-type"] == events.AccountUpdatedV1 && !bytes.Contains(jsonscan.Member(msg.Data, "changed_fields"), []byte(`"image"`)) {
			return nil
		}
		return service.CollectImages(ctx, id)
	}
}
