package access

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"
)

// keyServer answers for an issuer, each time after a tenth of a second.
type keyServer struct {
	keys    []jose.JSONWebKey
	fetches atomic.Int32
	away    atomic.Bool
}

func (s *keyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.fetches.Add(1)
	time.Sleep(time.Second / 10)
	if s.away.Load() {
		return nil, errors.New("nobody is there")
	}
	var document any = jose.JSONWebKeySet{Keys: s.keys}
	if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
		document = map[string]string{"issuer": "https://" + r.Host, "jwks_uri": "https://" + r.Host + "/keys"}
	}
	body, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body))}, nil
}

// newServedIssuer returns an issuer whose server has one key, with the id "known".
func newServedIssuer(t *testing.T) (*issuer, *keyServer) {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	server := &keyServer{keys: []jose.JSONWebKey{{Key: public, KeyID: "known"}}}
	i := newIssuer("https://issuer.example.com", zap.NewNop())
	i.client.Transport = server
	return i, server
}

// A token with an unknown key id that comes during the first fetch is refused
// when that ends, and leads to no other one.
func TestUnknownKeyDuringTheFirstFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, server := newServedIssuer(t)
		ctx, cancel := context.WithCancel(t.Context())
		go i.run(ctx)
		synctest.Wait() // until the fetch is under way
		for id, want := range map[string]error{"known": nil, "unknown": errCredentials} {
			go func() {
				if _, _, err := i.keysFor(ctx, id, string(jose.EdDSA)); !errors.Is(err, want) {
					t.Errorf("the key %s: %v, want %v", id, err, want)
				}
			}()
		}
		time.Sleep(10 * time.Second)
		if n := server.fetches.Load(); n != 2 { // of the configuration and of the keys
			t.Errorf("%d documents were fetched", n)
		}
		cancel()
	})
}

// The last keys of an issuer that is away count for 24 hours. Then nobody can know
// whether a token is valid, until the issuer is back.
func TestKeysOfAnIssuerThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, server := newServedIssuer(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go i.run(ctx)
		time.Sleep(time.Minute)
		server.away.Store(true)
		for _, step := range []struct {
			after time.Duration
			want  error
		}{{0, nil}, {keepKeys - 2*time.Minute, nil}, {3 * time.Minute, errNoKeys}} {
			time.Sleep(step.after)
			if _, _, err := i.keysFor(ctx, "known", string(jose.EdDSA)); !errors.Is(err, step.want) {
				t.Errorf("%v later: %v, want %v", step.after, err, step.want)
			}
		}
		server.away.Store(false)
		time.Sleep(2 * retryMost)
		if _, _, err := i.keysFor(ctx, "known", string(jose.EdDSA)); err != nil {
			t.Errorf("the issuer is back: %v", err)
		}
	})
}
