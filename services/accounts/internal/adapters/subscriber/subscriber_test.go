package subscriber_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/eventstest"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/services/accounts/internal/adapters/subscriber"
	"github.com/concha-labs/backend/services/accounts/internal/app"
)

func TestMalformedEventsAreNotTriedAgain(t *testing.T) {
	handle := subscriber.New(nil) // the event is refused before any use case
	for _, e := range []events.Event{
		{Type: events.AccountDeletedV1, Subject: "account/x"},
		{Type: events.AccountDeletedV1, Subject: "audio/5"},
		{Type: events.AccountUpdatedV1, Subject: ""},
	} {
		if err := handle(t.Context(), bus.Message{Attributes: e.Attributes(eventstest.Origin)}); err == nil || !bus.Permanent(err) {
			t.Errorf("%s of %q: %v, want a permanent error", e.Type, e.Subject, err)
		}
	}
}

// discards records the accounts it is asked for.
type discards struct {
	app.Database
	asked []int64
	err   error
}

func (d *discards) Discarded(_ context.Context, accountID int64) ([]string, error) {
	d.asked = append(d.asked, accountID)
	return nil, d.err
}

func (*discards) ForgetDiscarded(context.Context, int64, []string) error { return nil }

// Updates of the image of an account and deletions trigger the deletion of its
// discarded objects. Other events do not.
func TestImagesAreCollected(t *testing.T) {
	d := &discards{}
	handle := subscriber.New(app.New(d, nil, nil, app.Sources{}))
	list := eventstest.Events()
	list = append(list, events.Event{Type: "concha.account.updated.v2", Subject: "account/6"},
		events.Event{Type: events.AccountUpdatedV1, Subject: "account/6", Data: []byte(`{"resource":{"image":null},"changed_fields":["name"]}`)},
		events.Event{Type: events.AccountUpdatedV1, Subject: "account/6", Data: []byte(events.Redacted)})
	var want []int64
	for _, e := range list {
		if e.Subject != "account/6" && (e.Type == events.AccountUpdatedV1 || e.Type == events.AccountDeletedV1) {
			want = append(want, 4503599627370497)
		}
		if err := handle(t.Context(), bus.Message{Attributes: e.Attributes(eventstest.Origin), Data: e.Data}); err != nil {
			t.Errorf("%s: %v", e.Type, err)
		}
	}
	if !slices.Equal(d.asked, want) {
		t.Errorf("collected are the images of %v, want %v", d.asked, want)
	}
}

func TestAnOutageIsTriedAgain(t *testing.T) {
	down := fault.New(fault.Unavailable, "unavailable", "down")
	handle := subscriber.New(app.New(&discards{err: down}, nil, nil, app.Sources{}))
	e := eventstest.Events()[2]
	if err := handle(t.Context(), bus.Message{Attributes: e.Attributes(eventstest.Origin)}); !errors.Is(err, down) || bus.Permanent(err) {
		t.Errorf("%v, want the outage", err)
	}
}
