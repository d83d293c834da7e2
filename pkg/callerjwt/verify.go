package callerjwt

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/pkg/shardlru"
)

// skew is how far the clocks of gateway and service may differ.
const skew = 10 * time.Second

// Config is the part of a service's settings that is about the gateway.
type Config struct {
	PublicKeys   PublicKeys `env:"CONCHA_GATEWAY_PUBLIC_KEYS_FILE" desc:"file with the gateway's Ed25519 public keys in PEM; requests must then carry a caller that the gateway signed"`
	TrustNetwork bool       `env:"CONCHA_TRUST_NETWORK" envDefault:"false" desc:"true: nothing but the gateway can reach the service, so requests need no signed caller"`
}

// Problems reports that a service which others can reach would answer anybody.
func (c Config) Problems() []settings.Problem {
	if len(c.PublicKeys) > 0 || c.TrustNetwork {
		return nil
	}
	return []settings.Problem{{
		Variable: "CONCHA_GATEWAY_PUBLIC_KEYS_FILE",
		Detail:   "is required when CONCHA_BACKEND is gcp, or CONCHA_TRUST_NETWORK=true if nothing but the gateway can reach the service",
	}}
}

// Require returns h behind the checks that c asks for: every request but a
// probe must carry a caller that the gateway signed for the service audience,
// which the context of the request then carries. Any other request is answered
// with 401 unauthenticated. Without public keys, Require returns h.
func (c Config) Require(audience string, h http.Handler) http.Handler {
	if len(c.PublicKeys) == 0 {
		return h
	}
	v := newVerifier(c.PublicKeys, audience)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/livez", "/readyz", httpserver.ReadyPath:
			h.ServeHTTP(w, r)
			return
		}
		verified, err := v.verify(r.Header[Header])
		if err != nil {
			httpserver.WriteError(w, r, errNotGateway.Wrap(err))
			return
		}
		httpserver.NoteCaller(w, verified.logged)
		h.ServeHTTP(w, r.WithContext(caller.With(r.Context(), &verified.caller)))
	})
}

var errNotGateway = httpserver.ErrUnauthenticated.Detailf("the service answers only to its gateway")

// verified is a caller that a valid token names.
type verified struct {
	caller  caller.Caller
	logged  string
	expires time.Time
}

// verifier checks tokens for one audience.
type verifier struct {
	keys     map[string]ed25519.PublicKey // by key id
	audience string
	tokens   *shardlru.Cache[[sha256.Size]byte, *verified]
}

func newVerifier(keys PublicKeys, audience string) *verifier {
	v := &verifier{map[string]ed25519.PublicKey{}, audience, shardlru.New[[sha256.Size]byte, *verified](remembered)}
	for _, key := range keys {
		v.keys[keyID(key)] = key
	}
	return v
}

var (
	errMissing = errors.New("there must be one caller")
	errInvalid = errors.New("the caller is not valid")
	errExpired = errors.New("the caller has expired")
)

func (v *verifier) verify(values []string) (*verified, error) {
	if len(values) != 1 {
		return nil, errMissing
	}
	now, hash := time.Now(), sha256.Sum256([]byte(values[0]))
	c, ok := v.tokens.Get(hash)
	if !ok {
		var err error
		if c, err = v.parse(values[0], now); err != nil {
			return nil, err
		}
		v.tokens.Add(hash, c)
	}
	if now.After(c.expires) {
		return nil, errExpired
	}
	return c, nil
}

func (v *verifier) parse(token string, now time.Time) (*verified, error) {
	object, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return nil, err
	}
	key, ok := v.keys[object.Signatures[0].Protected.KeyID]
	if !ok {
		return nil, errInvalid
	}
	payload, err := object.Verify(key)
	if err != nil {
		return nil, err
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, err
	}
	if c.Issuer != issuer || c.Audience != v.audience || now.Add(skew).Before(time.Unix(c.IssuedAt, 0)) {
		return nil, errInvalid
	}
	known := caller.Caller{ID: c.Subject, Scopes: c.Scopes}
	return &verified{known, known.Logged(), time.Unix(c.Expires, 0).Add(skew)}, nil
}
