package access_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/concha-labs/backend/pkg/apikey"
	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/services/gateway/internal/access"
	"github.com/concha-labs/backend/services/gateway/internal/operations"
)

// TestEveryOperation sends every operation of the contract that needs a scope
// with each kind of credentials, so that a new operation is tested by itself.
func TestEveryOperation(t *testing.T) {
	file := newKeyFile(t)
	keys := map[caller.Scopes]string{}
	for _, op := range operations.All {
		for _, scopes := range op.Scopes {
			if keys[scopes] == "" && scopes != 0 {
				keys[scopes] = file.add(apikey.Key{Scopes: scopes})
			}
		}
	}
	expired := file.add(apikey.Key{ID: "old", Scopes: caller.AllScopes, ExpiresAt: time.Now().Add(-time.Second)})
	g := newGateway(t, access.Config{Mode: access.Required, KeysFile: file.path})
	parameter := regexp.MustCompile(`\{\w+\}`)
	for n, op := range operations.All {
		path := parameter.ReplaceAllString(op.Path, "7")
		if len(op.Scopes) == 0 || op.Allows(0) {
			continue
		}
		address := from("10.0." + string(rune('0'+n/10)) + "." + string(rune('0'+n%10)))
		ask := func(authorization string) int { return g.ask(op.Method, path, authorization, address).Code }
		for name, authorization := range map[string]string{"nothing": "", "rubbish": "Bearer x.y.z", "unknown": "Bearer concha_x_y", "expired": "Bearer " + expired} {
			if got := ask(authorization); got != http.StatusUnauthorized {
				t.Errorf("%s with %s: %d", op.ID, name, got)
			}
		}
		for scopes, key := range keys {
			refused := ask("Bearer "+key) == http.StatusForbidden
			if allowed := op.Allows(scopes); refused == allowed {
				t.Errorf("%s with %q: refused: %v", op.ID, scopes, refused)
			}
		}
	}
}
