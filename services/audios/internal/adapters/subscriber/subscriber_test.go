package subscriber_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/events/eventstest"
	"github.com/concha-labs/backend/services/audios/internal/adapters/subscriber"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

func TestMalformedEventsAreNotTriedAgain(t *testing.T) {
	handle := subscriber.New(nil) // the event is refused before any use case
	for _, e := range []events.Event{
		{Type: events.AccountDeletedV1, Subject: "account/x"},
		{Type: events.AccountCreatedV1, Subject: "account/x", Data: []byte(`{"resource":{"owner":"key:a"}}`)},
		{Type: events.AccountCreatedV1, Subject: "account/5", Data: []byte(`{"resource":{"owner":7}}`)},
		{Type: events.AccountDeletedV1, Subject: "audio/5"},
		{Type: events.AudioDeletedV1, Subject: "account/5"},
		{Type: events.AudioUpdatedV1, Subject: ""},
	} {
		if err := handle(t.Context(), bus.Message{Attributes: e.Attributes(eventstest.Origin), Data: e.Data}); err == nil || !bus.Permanent(err) {
			t.Errorf("%s of %q: %v, want a permanent error", e.Type, e.Subject, err)
		}
	}
}

// ports record their calls and the traces they belong to.
type ports struct {
	app.Database
	asked []string
}

func (p *ports) RemoveAccount(ctx context.Context, accountID int64, _ int, _ func(domain.Audio) (events.Event, error)) (int, error) {
	p.asked = append(p.asked, fmt.Sprintf("remove account %d %s", accountID, events.OriginFrom(ctx).Traceparent))
	return 0, nil
}

func (p *ports) AddAccounts(ctx context.Context, owners map[int64]string) (int64, error) {
	for id, owner := range owners {
		p.asked = append(p.asked, fmt.Sprintf("add account %d of %s %s", id, owner, events.OriginFrom(ctx).Traceparent))
	}
	return 0, nil
}

func (p *ports) Discarded(ctx context.Context, sessionID int64) ([]string, error) {
	p.asked = append(p.asked, fmt.Sprintf("collect files %d %s", sessionID, events.OriginFrom(ctx).Traceparent))
	return nil, nil
}

func (*ports) ForgetDiscarded(context.Context, int64, []string) error { return nil }

// The creation of an account records its owner, if it has one. The deletion of
// an account removes its sessions. Updates of the file of an audio and deletions
// trigger the deletion of its discarded objects. All happens in the trace of the
// event. Other events have no effect.
func TestEffectsOfEvents(t *testing.T) {
	p := new(ports)
	handle := subscriber.New(app.New(p, nil, app.Sources{}))
	list := append(eventstest.Events(),
		events.Event{Type: events.AccountCreatedV1, Subject: "account/6", Data: []byte(`{"resource":{"owner":null}}`)},
		events.Event{Type: events.AccountCreatedV1, Subject: "account/6", Data: []byte(events.Redacted)},
		events.Event{Type: events.AudioUpdatedV1, Subject: "audio/0", Data: []byte(`{"changed_fields":["ticks","file_url"]}`)},
		events.Event{Type: "concha.account.deleted.v2", Subject: "account/6"},
		events.Event{Type: "concha.audio.deleted.v2", Subject: "audio/6"})
	var want []string
	for _, e := range list {
		switch e.Type {
		case events.AccountCreatedV1:
			if e.Subject != "account/6" {
				want = append(want, "add account 4503599627370497 of https://issuer.example.com|zoe "+e.Traceparent)
			}
		case events.AccountDeletedV1:
			want = append(want, "remove account 4503599627370497 "+e.Traceparent)
		case events.AudioUpdatedV1:
			if bytes.Contains(e.Data, []byte(`"file_url"]`)) {
				want = append(want, "collect files 0 "+e.Traceparent)
			}
		case events.AudioDeletedV1:
			want = append(want, "collect files 0 "+e.Traceparent)
		}
		if err := handle(t.Context(), bus.Message{Attributes: e.Attributes(eventstest.Origin), Data: e.Data}); err != nil {
			t.Errorf("%s: %v", e.Type, err)
		}
	}
	if diff := cmp.Diff(want, p.asked); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}
