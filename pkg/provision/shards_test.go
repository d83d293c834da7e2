//go:build cloud

package provision_test

import (
	"strings"
	"testing"

	"github.com/concha-labs/backend/pkg/eventlog/spannerlog"
	"github.com/concha-labs/backend/pkg/provision"
	"github.com/concha-labs/backend/pkg/spannerdb"
	"github.com/concha-labs/backend/pkg/spannerdb/spannerdbtest"
)

func TestShards(t *testing.T) {
	schema := []spannerdb.Migrations{spannerlog.Migrations()}
	p := provision.Plan{Database: spannerdbtest.New(t, schema...), Schema: schema}
	for _, step := range []struct{ number, out, err string }{
		{"", "", `must be 32, 64 or 128, and not ""`},
		{"many", "", `must be 32, 64 or 128, and not "many"`},
		{"33", "", "must be 16, 32, 64 or 128, and not 33"},
		{"32", "the event log has 32 shards instead of 16; all replicas write to them within 15 seconds\n", ""},
		{"32", "the event log has 32 shards already\n", ""},
		{"16", "", "the number only grows"},
	} {
		var out strings.Builder
		err := p.Grow(t.Context(), step.number, &out)
		if out.String() != step.out || (err == nil) != (step.err == "") || err != nil && !strings.Contains(err.Error(), step.err) {
			t.Errorf("Grow to %q says %q, %v, want %q, %s", step.number, out.String(), err, step.out, step.err)
		}
	}
}
