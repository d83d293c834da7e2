package provision

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestProvisionNamesTheBackendThatIsAway has nobody listen where a backend is
// looked for.
func TestProvisionNamesTheBackendThatIsAway(t *testing.T) {
	const nobody = "127.0.0.1:1"
	p := Plan{
		Project: "p", Database: "projects/p/instances/i/databases/d", Bucket: "b",
		Topics: map[string][]string{"topic": {"subscription"}},
	}
	for b, do := range map[backend]func(context.Context) (made, found []string, err error){
		spanner: p.database, cloudStorage: p.bucket, pubSub: p.topics,
	} {
		t.Setenv(b.variable, nobody)
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			err := b.provision(t.Context(), &out, patience+time.Second, do)
			if name := b.name + " (" + nobody + ")"; err == nil || !strings.HasPrefix(err.Error(), name+": ") || out.String() != "waiting for "+name+"...\n" {
				t.Errorf("error %v, said %q", err, &out)
			}
		})
	}
}
