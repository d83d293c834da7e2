package bustest

import (
	"testing"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/events/eventstest"
)

// Types checks that subscriptions have the types that their handler reacts to, by
// refusing a malformed event, and no other.
func Types(t *testing.T, subscriptions []bus.Subscription, handle bus.Handler) {
	t.Helper()
	types := map[string]bool{}
	for _, s := range subscriptions {
		for _, eventType := range s.Types {
			types[eventType] = true
		}
	}
	for _, e := range eventstest.Events() {
		e.Subject = "x"
		reacts := handle(t.Context(), bus.Message{Attributes: e.Attributes(eventstest.Origin), Data: e.Data}) != nil
		if reacts != types[e.Type] {
			t.Errorf("the handler reacts to %s: %v; a subscription has it: %v", e.Type, reacts, types[e.Type])
		}
	}
}
