package events_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/events"
)

func TestTimesSortAsText(t *testing.T) {
	at := time.Date(2026, 3, 14, 9, 26, 53, 0, time.FixedZone("", 3600))
	var texts []string
	for _, step := range []time.Duration{0, time.Microsecond, time.Millisecond, 500 * time.Millisecond, time.Second, time.Hour} {
		text, err := json.Marshal(events.Time{Time: at.Add(step + 999)}) // less than a microsecond
		if err != nil {
			t.Fatal(err)
		}
		var back events.Time
		if err := json.Unmarshal(text, &back); err != nil || !back.Equal(at.Add(step)) {
			t.Errorf("%s is read as %v, %v", text, back, err)
		}
		texts = append(texts, string(text))
	}
	if texts[0] != `"2026-03-14T08:26:53.000000Z"` || !slices.IsSorted(texts) {
		t.Error(texts)
	}
	e := events.Event{Time: at}
	if got := e.Attributes("")["ce-time"]; got != "2026-03-14T08:26:53.000000Z" {
		t.Errorf("ce-time is %s", got)
	}
}
