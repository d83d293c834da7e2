package eventlogtest

import (
	"maps"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/events"
)

// Follow calls apply with the events after a position, to the end of the log.
func Follow(t *testing.T, log eventlog.Reader, after eventlog.Position, apply func(events.Event)) {
	t.Helper()
	for {
		page, err := log.Page(t.Context(), after, 1000)
		if err != nil {
			t.Fatalf("Page: %v", err)
		}
		for _, r := range page.Records {
			apply(r.Event)
		}
		if after = page.Next; len(page.Records) == 0 {
			return
		}
	}
}

// WantFollowed follows the log from head to its end and updates listed, a map
// of versions by subject. It fails the test if the result is not want, or if a
// version is skipped.
func WantFollowed(t *testing.T, log eventlog.Reader, head eventlog.Position, listed, want map[string]int64) {
	t.Helper()
	seen := maps.Clone(listed)
	Follow(t, log, head, func(e events.Event) {
		last := seen[e.Subject]
		switch {
		case e.Version <= last:
			return
		case last > 0 && e.Version > last+1:
			t.Errorf("%s follows version %d", e.ID(), last)
		}
		seen[e.Subject], listed[e.Subject] = e.Version, e.Version
		if strings.HasSuffix(e.Type, ".deleted.v1") {
			delete(listed, e.Subject)
		}
	})
	if diff := gocmp.Diff(want, listed); diff != "" {
		t.Errorf("listed and followed (-want +got):\n%s", diff)
	}
}

// History returns the events of a subject, without their times. It fails the
// test if an event has no time.
func History(t *testing.T, log eventlog.Log, subject string) (history []events.Event) {
	t.Helper()
	shard := eventlog.Shard(subject)
	for cursor := eventlog.Offset(""); ; {
		entries, err := log.Read(t.Context(), []eventlog.ShardOffset{{Shard: shard, After: cursor}}, 1000)
		if err != nil {
			t.Fatalf("Read: %v", err)
		}
		if len(entries) == 0 {
			return history
		}
		for _, e := range entries {
			if e.Subject == subject && e.Time.IsZero() {
				t.Errorf("event %s has no time", e.ID())
			}
		}
		history = append(history, told(entries, subject)...)
		cursor = entries[len(entries)-1].Offset
	}
}
