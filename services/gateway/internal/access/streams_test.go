package access_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/apikey"
	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/gateway/internal/access"
	"github.com/concha-labs/backend/services/gateway/internal/edge"
)

// following is a gateway over services whose feeds answer only once they are
// told to stop.
type following struct {
	gateway

	open atomic.Int64 // answers under way
}

func newFollowing(t *testing.T, cfg access.Config) *following {
	t.Helper()
	cfg.Mode, cfg.RateLimit, cfg.AnonymousRateLimit = access.Required, 1e6, 1e6
	guard, err := access.New(cfg, "", edge.Networks{}.ClientAddress, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	f := &following{}
	service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		f.open.Add(1)
		defer f.open.Add(-1)
		select {
		case <-httpserver.Stopping(r.Context()):
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusOK)
	})
	e := edge.New(edge.Config{Accounts: service, Audios: service, Middleware: guard.Handlers()})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); guard.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	f.gateway = gateway{t, httpserver.Process(e, zap.NewNop()), guard}
	return f
}

// begin sends a request for a feed, and returns a channel that has the status of
// its answer.
func (f *following) begin(ctx context.Context, key, query string, accept ...string) <-chan int {
	status := make(chan int, 1)
	go func() {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/events/accounts"+query, http.NoBody)
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header["Accept"] = accept
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		status <- w.Code
	}()
	return status
}

// However a stream or a long poll is written, it ends when its key is withdrawn,
// or has expired.
func TestStreamsEndWithTheirKey(t *testing.T) {
	t.Parallel()
	for about, expires := range map[string]time.Duration{"withdrawn": time.Hour, "expired": 3 * time.Second} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				keys := newKeyFile(t)
				key := keys.add(apikey.Key{ID: "k", Scopes: caller.EventsRead, ExpiresAt: time.Now().Add(expires)})
				f := newFollowing(t, access.Config{KeysFile: keys.path})
				var answers []<-chan int
				for _, accept := range [][]string{{"text/event-stream"}, {"Text/Event-Stream"}, {"application/json", "text/event-stream;q=1"}} {
					answers = append(answers, f.begin(t.Context(), key, "", accept...))
				}
				answers = append(answers, f.begin(t.Context(), key, "?wait=30"), f.begin(t.Context(), key, "?%77ait=30"))
				synctest.Wait()
				if n := f.open.Load(); n != int64(len(answers)) {
					t.Fatalf("%d requests are open, want %d", n, len(answers))
				}
				if about == "withdrawn" {
					keys.write("")
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if n := f.open.Load(); n != 0 {
					t.Errorf("%d requests go on", n)
				}
			})
		})
	}
}

// A stream ends when the issuer withdraws the key that signed its token. Other
// streams continue, whatever else changes.
func TestStreamsEndWithTheSigningKey(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	f := newFollowing(t, i.config())
	scope := map[string]any{"scope": "events:read"}
	withdrawn, kept := i.token(jose.EdDSA, edKey, "ed", scope), i.token(jose.ES256, ecKey, "ec", scope)
	eventually(t, "the keys are there", func() bool {
		return f.ask(http.MethodGet, "/v1/accounts", "Bearer "+kept).Code == http.StatusForbidden
	})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	ending := []<-chan int{f.begin(ctx, withdrawn, "", "text/event-stream"), f.begin(ctx, withdrawn, "?wait=30")}
	remaining := []<-chan int{f.begin(ctx, kept, "", "text/event-stream"), f.begin(ctx, kept, "?wait=30")}
	eventually(t, "all are open", func() bool { return f.open.Load() == 4 })
	i.keys.Store(&[]jose.JSONWebKey{{Key: ecKey.Public(), KeyID: "ec"}, {Key: rsaKey.Public(), KeyID: "next"}})
	f.ask(http.MethodGet, "/v1/accounts", "Bearer "+i.token(jose.RS256, rsaKey, "next", scope)) // leads to a fetch
	for n, answer := range ending {
		select {
		case <-answer:
		case <-time.After(10 * time.Second):
			t.Errorf("request %d goes on", n)
		}
	}
	if n := f.open.Load(); n != 2 {
		t.Errorf("%d requests are open, want the 2 whose key remains", n)
	}
	leave()
	for _, answer := range remaining {
		<-answer
	}
}

func TestStreamsOfACallerAreLimited(t *testing.T) {
	t.Parallel()
	keys := newKeyFile(t)
	key, other := keys.add(apikey.Key{ID: "k", Scopes: caller.EventsRead}), keys.add(apikey.Key{ID: "other", Scopes: caller.EventsRead})
	f := newFollowing(t, access.Config{KeysFile: keys.path})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var answers []<-chan int
	for range 32 {
		answers = append(answers, f.begin(ctx, key, "?wait=30"))
	}
	eventually(t, "32 are open", func() bool { return f.open.Load() == 32 })
	w := f.ask(http.MethodGet, "/v1/events/accounts?wait=30", "Bearer "+key)
	want(t, w, http.StatusServiceUnavailable, "unavailable")
	answers = append(answers, f.begin(ctx, other, "?wait=30"))
	eventually(t, "another caller has one", func() bool { return f.open.Load() == 33 })
	leave()
	for _, answer := range answers {
		<-answer
	}
	again, end := context.WithCancel(t.Context())
	answer := f.begin(again, key, "?wait=30")
	eventually(t, "there is room again", func() bool { return f.open.Load() == 1 })
	end()
	<-answer
}
