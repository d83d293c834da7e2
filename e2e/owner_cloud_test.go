//go:build cloud

package e2e

import (
	"flag"
	"net/http"
	"testing"
)

// TestThreeProcessesOwned runs the scenarios of callers and of ownership against
// the three processes: the services learn the caller from the gateway.
func TestThreeProcessesOwned(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	if old := checks.Value.String(); old == checks.DefValue { // the emulator is slow
		_ = checks.Value.Set("10")
		t.Cleanup(func() { _ = checks.Value.Set(old) })
	}
	f := newFleet(t)
	keys := newKeys(t, f.keys, ownerKeys)
	for _, service := range []string{"accounts", "audios"} {
		f.provision(t, service)
		f.start(t, service)
	}
	i := newIssuer(t)
	gateway := f.start(t, "gateway", guarded(f.keys, i)...)
	gateway.becomes(t, "/readyz", http.StatusOK)
	c := newClient(t, gateway.url)
	access(c, i, keys)
	tokenStreams(c, i)
	owners(c, keys)
	ownersAtRandom(c, keys)
}
