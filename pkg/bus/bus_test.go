package bus_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/fault"
)

func TestPermanent(t *testing.T) {
	for kind, want := range map[fault.Kind]bool{
		fault.Internal: false, fault.Invalid: true, fault.NotFound: true, fault.Conflict: true,
		fault.Precondition: false, fault.TooLarge: true, fault.Unsupported: true, fault.Unavailable: false, fault.Denied: true,
	} {
		err := fmt.Errorf("handle: %w", fault.New(kind, "code", "detail"))
		if got := bus.Permanent(err); got != want {
			t.Errorf("Permanent(kind %d) = %v, want %v", kind, got, want)
		}
	}
	if bus.Permanent(errors.New("plain")) {
		t.Error("a plain error is permanent")
	}
}

func TestByKeyKeepsTheOrder(t *testing.T) {
	m := func(key, data string) bus.Message { return bus.Message{OrderingKey: key, Data: []byte(data)} }
	got, err := bus.ByKey([]bus.Message{m("a", "1"), m("b", "1"), m("a", "2"), m("a", "3"), m("b", "2")})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]bus.Message{"a": {m("a", "1"), m("a", "2"), m("a", "3")}, "b": {m("b", "1"), m("b", "2")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ByKey (-want +got):\n%s", diff)
	}
}

func TestSizeCountsEverything(t *testing.T) {
	m := bus.Message{OrderingKey: "12", Attributes: map[string]string{"123": "1234"}, Data: []byte("12345")}
	if got := m.Size(); got != 14 {
		t.Errorf("Size = %d, want 14", got)
	}
}
