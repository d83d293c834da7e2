package access_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/services/gateway/internal/access"
)

// issuer is an OpenID Connect issuer that a test can break.
type issuer struct {
	t       testing.TB
	server  *httptest.Server
	answer  atomic.Pointer[http.HandlerFunc] // nil: the keys
	keys    atomic.Pointer[[]jose.JSONWebKey]
	fetches atomic.Int32
}

var (
	rsaKey, _   = rsa.GenerateKey(rand.Reader, 2048)
	ecKey, _    = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, edKey, _ = ed25519.GenerateKey(rand.Reader)
)

func newIssuer(t testing.TB) *issuer {
	i := &issuer{t: t}
	i.keys.Store(&[]jose.JSONWebKey{
		{Key: rsaKey.Public(), KeyID: "rsa", Use: "sig"}, {Key: ecKey.Public(), KeyID: "ec"}, {Key: edKey.Public(), KeyID: "ed"},
	})
	i.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.fetches.Add(1)
		if broken := i.answer.Load(); broken != nil {
			(*broken)(w, r)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.server.URL, "jwks_uri": i.server.URL + "/keys"})
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: *i.keys.Load()})
	}))
	t.Cleanup(i.server.Close)
	return i
}

// token returns a token that is valid unless the claims say otherwise.
func (i *issuer) token(algorithm jose.SignatureAlgorithm, key any, id string, claims map[string]any) string {
	i.t.Helper()
	all := map[string]any{"iss": i.server.URL, "aud": "concha", "sub": "ann", "exp": time.Now().Add(time.Hour).Unix(), "scope": "openid accounts:read"}
	maps.Copy(all, claims)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	payload, _ := json.Marshal(all)
	object, err := signer.Sign(payload)
	if err != nil {
		i.t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}

func (i *issuer) config() access.Config {
	return access.Config{Mode: access.Required, Issuers: access.Issuers{i.server.URL}, Audience: "concha", DefaultScopes: caller.AccountsRead}
}

func TestTokens(t *testing.T) {
	i := newIssuer(t)
	g := newGateway(t, i.config())
	now := time.Now()
	rs := func(claims map[string]any) string { return i.token(jose.RS256, rsaKey, "rsa", claims) }
	good := rs(nil)
	eventually(t, "the keys are there", func() bool { return g.ask(http.MethodGet, "/v1/accounts", "Bearer "+good).Code == http.StatusOK })
	for name, token := range map[string]string{
		"RS256": good, "ES256": i.token(jose.ES256, ecKey, "ec", nil), "EdDSA": i.token(jose.EdDSA, edKey, "ed", nil),
		"without kid":         i.token(jose.ES256, ecKey, "", nil),
		"scope as a list":     rs(map[string]any{"scope": []string{"accounts:read"}}),
		"scp":                 rs(map[string]any{"scope": nil, "scp": "accounts:read"}),
		"scp as a list":       rs(map[string]any{"scope": "", "scp": []string{"x", "accounts:read"}}),
		"default scopes":      rs(map[string]any{"sub": "bob", "scope": nil}),
		"several audiences":   rs(map[string]any{"aud": []string{"other", "concha"}}),
		"expired within skew": rs(map[string]any{"exp": now.Add(-30 * time.Second).Unix()}),
		"nbf within skew":     rs(map[string]any{"nbf": now.Add(30 * time.Second).Unix()}),
	} {
		for range 2 {
			w := g.ask(http.MethodGet, "/v1/accounts", "Bearer "+token)
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), i.server.URL+"|") {
				t.Errorf("%s: answer %d %s", name, w.Code, w.Body)
			}
		}
	}
	want(t, g.ask(http.MethodGet, "/v1/accounts", "Bearer "+rs(map[string]any{"scope": "audios:read"})), http.StatusForbidden, "forbidden")
	want(t, g.ask(http.MethodGet, "/v1/accounts", "Bearer "+rs(map[string]any{"scope": "openid"})), http.StatusForbidden, "forbidden")

	der, _ := x509.MarshalPKIXPublicKey(rsaKey.Public())
	parts := strings.Split(good, ".")
	otherKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	b64 := base64.RawURLEncoding.EncodeToString
	address := 0
	for name, token := range map[string]string{
		"expired":            rs(map[string]any{"exp": now.Add(-2 * time.Minute).Unix()}),
		"without exp":        rs(map[string]any{"exp": nil}),
		"not yet valid":      rs(map[string]any{"nbf": now.Add(2 * time.Minute).Unix()}),
		"another audience":   rs(map[string]any{"aud": "other"}),
		"without audience":   rs(map[string]any{"aud": nil}),
		"another issuer":     rs(map[string]any{"iss": i.server.URL + "/"}),
		"without a subject":  rs(map[string]any{"sub": ""}),
		"another key":        i.token(jose.RS256, otherKey, "rsa", nil),
		"the wrong key's id": i.token(jose.RS256, rsaKey, "ec", nil),
		"HS256":              i.token(jose.HS256, der, "rsa", nil),
		"RS512":              i.token(jose.RS512, rsaKey, "rsa", nil),
		"none":               b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"crit":               b64([]byte(`{"alg":"RS256","kid":"rsa","crit":["x"],"x":1}`)) + "." + parts[1] + "." + parts[2],
		"too long":           rs(map[string]any{"x": strings.Repeat("x", 8<<10)}),
		"cut":                good[:len(good)-4],
		"an array":           "e30.W10.x",
	} {
		address++
		w := g.ask(http.MethodGet, "/v1/accounts", "Bearer "+token, from("192.0.2."+string(rune('1'+address%9))))
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s: answer %d %s", name, w.Code, w.Body)
		}
	}
}

// TestKeyServerFails breaks the issuer under good tokens: none may be refused.
func TestKeyServerFails(t *testing.T) {
	i := newIssuer(t)
	broken := map[string]http.HandlerFunc{
		"rubbish":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"no keys":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) },
		"failure":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) },
		"too much": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<20)) },
	}
	for name, answer := range broken {
		t.Run(name, func(t *testing.T) {
			i.answer.Store(&answer)
			g := newGateway(t, i.config())
			token := i.token(jose.ES256, ecKey, "ec", map[string]any{"sub": name})
			want(t, g.ask(http.MethodGet, "/v1/accounts", "Bearer "+token), http.StatusServiceUnavailable, "unavailable")
			i.answer.Store(nil)
			eventually(t, "the keys are there", func() bool { return g.ask(http.MethodGet, "/v1/accounts", "Bearer "+token).Code == http.StatusOK })
			i.answer.Store(&answer)
			for n := range 20 { // none of them was seen before
				fresh := i.token(jose.ES256, ecKey, "ec", map[string]any{"sub": name, "n": n})
				want(t, g.ask(http.MethodGet, "/v1/accounts", "Bearer "+fresh), http.StatusOK, "")
			}
			rotated := i.token(jose.EdDSA, edKey, "new", nil)
			want(t, g.ask(http.MethodGet, "/v1/accounts", "Bearer "+rotated), http.StatusServiceUnavailable, "unavailable")
		})
	}
}

func TestUnknownKeysLeadToOneFetchAMinute(t *testing.T) {
	i := newIssuer(t)
	g := newGateway(t, i.config())
	good := i.token(jose.ES256, ecKey, "ec", nil)
	eventually(t, "the keys are there", func() bool { return g.ask(http.MethodGet, "/v1/accounts", "Bearer "+good).Code == http.StatusOK })
	i.keys.Store(&[]jose.JSONWebKey{{Key: ecKey.Public(), KeyID: "next"}})
	want(t, g.ask(http.MethodGet, "/v1/accounts", "Bearer "+i.token(jose.ES256, ecKey, "next", nil)), http.StatusOK, "") // a rotated key
	before := i.fetches.Load()
	for n := range 5 {
		want(t, g.ask(http.MethodGet, "/v1/accounts", "Bearer "+i.token(jose.ES256, ecKey, "unknown", map[string]any{"n": n})), http.StatusUnauthorized, "unauthenticated")
	}
	if n := i.fetches.Load() - before; n != 0 {
		t.Errorf("%d further fetches within a minute", n)
	}
}

// TestKeyServerFailsUnderLoad breaks the issuer while callers send good tokens,
// and one sends tokens that need a fetch.
func TestKeyServerFailsUnderLoad(t *testing.T) {
	t.Parallel()
	rubbish := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	for name, fail := range map[string]func(i *issuer, loaded <-chan struct{}){
		"killed": func(i *issuer, _ <-chan struct{}) { i.server.Close() },
		"slow": func(i *issuer, loaded <-chan struct{}) {
			slow := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-loaded })
			i.answer.Store(&slow)
		},
		"rubbish": func(i *issuer, _ <-chan struct{}) { i.answer.Store(&rubbish) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			g := newGateway(t, i.config())
			token := func(id string, n int) string {
				return "Bearer " + i.token(jose.ES256, ecKey, id, map[string]any{"n": n})
			}
			seen := token("ec", -1)
			eventually(t, "the keys are there", func() bool { return g.ask(http.MethodGet, "/v1/accounts", seen).Code == http.StatusOK })
			loaded := make(chan struct{})
			fail(i, loaded)
			var load, fetch sync.WaitGroup
			fetch.Go(func() {
				want(t, g.ask(http.MethodGet, "/v1/accounts", token("rotated", 0)), http.StatusServiceUnavailable, "unavailable")
			})
			for worker := range 8 {
				load.Go(func() {
					for n := range 50 {
						want(t, g.ask(http.MethodGet, "/v1/accounts", seen), http.StatusOK, "")
						want(t, g.ask(http.MethodGet, "/v1/accounts", token("ec", worker*50+n)), http.StatusOK, "")
					}
				})
			}
			load.Wait()
			fetch.Wait()
			close(loaded)
		})
	}
}

// A token is not accepted any more once the key that signed it is withdrawn,
// although it was verified before.
func TestWithdrawnSigningKey(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	g := newGateway(t, i.config())
	ask := func(token string) int { return g.ask(http.MethodGet, "/v1/accounts", "Bearer "+token).Code }
	ec, ed := i.token(jose.ES256, ecKey, "ec", nil), i.token(jose.EdDSA, edKey, "ed", nil)
	eventually(t, "the keys are there", func() bool { return ask(ec) == http.StatusOK && ask(ed) == http.StatusOK })
	i.keys.Store(&[]jose.JSONWebKey{{Key: ecKey.Public(), KeyID: "ec"}, {Key: rsaKey.Public(), KeyID: "next"}})
	if got := ask(i.token(jose.RS256, rsaKey, "next", nil)); got != http.StatusOK { // leads to a fetch
		t.Errorf("a token of a new key: %d", got)
	}
	if got := ask(ed); got != http.StatusUnauthorized {
		t.Errorf("a token of the withdrawn key: %d", got)
	}
	if got := ask(ec); got != http.StatusOK {
		t.Errorf("a token of a key that stays: %d", got)
	}
}
