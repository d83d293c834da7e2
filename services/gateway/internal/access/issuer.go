package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/httpserver"
)

const (
	// refreshEvery is how often the keys of an issuer are fetched.
	refreshEvery = 10 * time.Minute
	// retryFirst and retryMost bound the pause after a fetch that failed, which
	// doubles each time.
	retryFirst = time.Second
	retryMost  = time.Minute
	// keepKeys is how long keys count after they were fetched.
	keepKeys = 24 * time.Hour
	// unknownEvery is how often an unknown key id leads to a fetch.
	unknownEvery = time.Minute
	fetchTimeout = 10 * time.Second
	// waitForKeys is how long a request that no known key can answer waits for a
	// fetch.
	waitForKeys = 2 * time.Second
	maxDocument = 1 << 20 // bytes
)

var errNoKeys = httpserver.ErrUnavailable.Detailf("the signing keys of the token's issuer cannot be fetched at the moment; try again")

// issuer fetches the signing keys of an OpenID Connect issuer in the
// background.
type issuer struct {
	url    string
	client *http.Client
	log    *zap.Logger

	mu          sync.Mutex
	keys        []jose.JSONWebKey
	changed     chan struct{} // closed when the keys change
	fetched     time.Time     // when the keys were; zero: never
	failed      bool          // the last fetch
	fetching    chan struct{} // closed when the fetch under way has ended; nil: there is none
	lastUnknown time.Time     // when an unknown key id led to a fetch
}

func newIssuer(address string, log *zap.Logger) *issuer {
	return &issuer{url: address, log: log, changed: make(chan struct{}), client: &http.Client{
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects") },
	}}
}

// run keeps the keys fresh until ctx ends.
func (i *issuer) run(ctx context.Context) {
	pause := retryFirst
	for {
		i.mu.Lock()
		fetched := i.fetch(ctx)
		i.mu.Unlock()
		<-fetched
		i.mu.Lock()
		failed := i.failed
		i.mu.Unlock()
		next := refreshEvery
		if failed {
			next, pause = pause, min(2*pause, retryMost)
		} else {
			pause = retryFirst
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		}
	}
}

// keysFor returns the keys that may have signed a token with that key id, which
// may be empty, and a channel that is closed when they change. It waits for a
// fetch, for a bounded time, only if there is no such key. It begins one at most
// once a minute.
// Errors: errCredentials if there is no such key; errNoKeys if nobody can know.
func (i *issuer) keysFor(ctx context.Context, id, algorithm string) (found []jose.JSONWebKey, changed <-chan struct{}, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if found = i.known(id, algorithm); len(found) > 0 {
		return found, i.changed, nil
	}
	if i.fetching == nil && !i.stale() && time.Since(i.lastUnknown) >= unknownEvery {
		i.lastUnknown = time.Now()
		i.fetch(context.WithoutCancel(ctx))
	}
	if fetching := i.fetching; fetching != nil {
		i.mu.Unlock()
		timeout := time.NewTimer(waitForKeys)
		select {
		case <-fetching:
		case <-timeout.C:
		case <-ctx.Done():
		}
		timeout.Stop()
		i.mu.Lock()
		// The fetch that has ended is recent enough, whoever began it: issuers
		// publish a key before they sign with it.
		if found = i.known(id, algorithm); len(found) > 0 {
			return found, i.changed, nil
		}
	}
	if i.failed || i.stale() || i.fetching != nil {
		return nil, nil, errNoKeys
	}
	return nil, nil, errCredentials
}

// known returns the keys of keysFor as they are now. i.mu is held.
func (i *issuer) known(id, algorithm string) (found []jose.JSONWebKey) {
	if i.stale() {
		return nil
	}
	for _, key := range i.keys {
		if (id == "" || key.KeyID == id) && fits(key, algorithm) {
			found = append(found, key)
		}
	}
	return found
}

// stale reports whether the keys do not count, as they are missing or too old.
// i.mu is held.
func (i *issuer) stale() bool { return i.fetched.IsZero() || time.Since(i.fetched) > keepKeys }

// fetch begins a fetch, unless one is under way, and returns a channel that is
// closed when it ends. i.mu is held.
func (i *issuer) fetch(ctx context.Context) <-chan struct{} {
	if i.fetching != nil {
		return i.fetching
	}
	done := make(chan struct{})
	i.fetching = done
	go func() {
		defer close(done)
		keys, err := i.download(ctx)
		if err != nil && ctx.Err() == nil {
			i.log.Warn("the signing keys of an issuer cannot be fetched: the last ones count for 24 hours",
				zap.String("issuer", i.url), zap.Error(err))
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		i.fetching = nil
		if i.failed = err != nil; i.failed {
			return
		}
		i.fetched = time.Now()
		if !reflect.DeepEqual(keys, i.keys) {
			i.keys = keys
			close(i.changed)
			i.changed = make(chan struct{})
		}
	}()
	return done
}

func (i *issuer) download(ctx context.Context) ([]jose.JSONWebKey, error) {
	var discovery struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := i.get(ctx, strings.TrimSuffix(i.url, "/")+"/.well-known/openid-configuration", &discovery); err != nil {
		return nil, err
	}
	if discovery.Issuer != i.url {
		return nil, fmt.Errorf("the configuration is that of the issuer %q", discovery.Issuer)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := i.get(ctx, discovery.Keys, &set); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil || !key.Valid() || !key.IsPublic() {
			continue // of a kind that is not used here
		}
		if fits(key, string(jose.RS256)) || fits(key, string(jose.ES256)) || fits(key, string(jose.EdDSA)) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the issuer has no signing key for RS256, ES256 or EdDSA")
	}
	return keys, nil
}

// get reads the JSON document at an address.
func (i *issuer) get(ctx context.Context, address string, into any) error {
	u, err := url.Parse(address)
	if err != nil || !isSafe(u) {
		return fmt.Errorf("the address %q is neither https nor on this machine", address)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	res, err := i.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocument+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", address, err)
	}
	if len(body) > maxDocument {
		return fmt.Errorf("%s is larger than 1 MiB", address)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read %s: %w", address, err)
	}
	return nil
}
