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

// WantFollowed reports what was listed, versions by subject, if it is not what
// is wanted once it has been followed from head to the end of the log, or if a
// version is left out. It leaves in listed what it comes to.
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

// History returns what the log tells of a subject, without the times, of which
// each event must have one.
func History(t *testing.T, log eventlog.Log, subject string) (history []events.Event) {
	t.Helper()
	shard := eventlog.Shard(subject)
	for cursor := eventlog.Cursor(""); ; {
		entries, err := log.Read(t.Context(), []eventlog.ShardCursor{{Shard: shard, After: cursor}}, 1000)
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
		cursor = entries[len(entries)-1].Cursor
	}
}
