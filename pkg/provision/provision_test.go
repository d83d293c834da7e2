package provision

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/bus"
)

// TestProvisionNamesTheBackendThatIsAway uses the address of a backend at which
// nothing listens.
func TestProvisionNamesTheBackendThatIsAway(t *testing.T) {
	const nobody = "127.0.0.1:1"
	p := Plan{
		Project: "p", Database: "projects/p/instances/i/databases/d", Bucket: "b",
		Subscriptions: []bus.Subscription{{Topic: "topic", Name: "subscription"}},
	}
	for _, variable := range []string{"SPANNER_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST"} {
		t.Setenv(variable, nobody)
	}
	var wg sync.WaitGroup
	for b, do := range map[backend]func(context.Context) (made, found []string, err error){
		spanner: p.database, cloudStorage: p.bucket, pubSub: p.topics,
	} {
		wg.Go(func() {
			var out strings.Builder
			err := b.provision(t.Context(), &out, patience+time.Second, do)
			if err == nil || !strings.HasPrefix(err.Error(), string(b)+": ") || out.String() != "waiting for "+string(b)+"...\n" {
				t.Errorf("%s: error %v, said %q", b, err, &out)
			}
		})
	}
	wg.Wait()
}
