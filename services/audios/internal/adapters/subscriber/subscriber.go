// Package subscriber runs the use cases that events trigger.
package subscriber

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/jsonscan"
	"github.com/concha-labs/backend/services/audios/internal/app"
)

var (
	errSubject = fault.New(fault.Invalid, "malformed-event", "the event's subject names no resource of its type")
	errData    = fault.New(fault.Invalid, "malformed-event", "the event's data is not JSON of its type")
)

// New returns the handler of the service's own events and of those of accounts.
// It records the owners of new accounts, removes the sessions of a deleted
// account, and deletes the objects that a change or a deletion has left behind.
func New(service *app.Service) bus.Handler {
	return func(ctx context.Context, msg bus.Message) error {
		var kind string
		var handle func(context.Context, int64) error
		switch msg.Attributes["ce-type"] {
		case events.AccountCreatedV1:
			owner, err := ownerIn(msg.Data)
			if err != nil || owner == "" {
				return err
			}
			kind, handle = "account/", func(ctx context.Context, id int64) error { return service.AddAccount(ctx, id, owner) }
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
		if msg.Attributes["ce-type"] == events.AudioUpdatedV1 && !bytes.Contains(jsonscan.Member(msg.Data, "changed_fields"), []byte(`"file_url"`)) {
			return nil
		}
		// The consequences of an event belong to its trace.
		ctx = events.WithOrigin(ctx, events.Origin{Traceparent: msg.Attributes["ce-traceparent"]})
		return handle(ctx, id)
	}
}

// ownerIn returns the owner in the data of an account's event, or "" if it has
// none or has been redacted.
func ownerIn(data []byte) (string, error) {
	var change struct {
		Resource struct {
			Owner string `json:"owner"`
		} `json:"resource"`
	}
	if err := json.Unmarshal(data, &change); err != nil {
		return "", errData.Wrap(err)
	}
	return change.Resource.Owner, nil
}
