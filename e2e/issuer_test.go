package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

const audience = "concha"

// issuer is an OpenID Connect issuer with one RSA key.
type issuer struct {
	url string
	key *rsa.PrivateKey
}

const signingKeyID = "first"

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	i := &issuer{url: "http://" + server.Listener.Addr().String(), key: key}
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.url, "jwks_uri": i.url + "/keys"})
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: signingKeyID, Use: "sig"}}})
	})
	server.Start()
	t.Cleanup(server.Close)
	return i
}

// settings returns those of a gateway that accepts the issuer's tokens.
func (i *issuer) settings() []string {
	return []string{"CONCHA_OIDC_ISSUERS=" + i.url, "CONCHA_OIDC_AUDIENCE=" + audience}
}

// token returns a token of a person that is valid for an hour, unless the
// changed claims say otherwise.
func (i *issuer) token(t *testing.T, subject, scopes string, changed map[string]any) string {
	t.Helper()
	return signed(t, jose.RS256, i.key, i.claims(subject, scopes, changed))
}

func (i *issuer) claims(subject, scopes string, changed map[string]any) map[string]any {
	claims := map[string]any{"iss": i.url, "aud": audience, "sub": subject, "scope": scopes, "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(claims, changed)
	return claims
}

func signed(t *testing.T, algorithm jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: signingKeyID}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign([]byte(encode(claims)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// forgeries returns tokens with all scopes, each of which has one fault.
func (i *issuer) forgeries(t *testing.T, scopes string) map[string]string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(i.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims, now := i.claims("ann", scopes, nil), time.Now()
	good := strings.Split(i.token(t, "ann", scopes, nil), ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"` + signingKeyID + `"}`))
	return map[string]string{
		"expired":                       i.token(t, "ann", scopes, map[string]any{"exp": now.Add(-2 * time.Minute).Unix()}),
		"not valid yet":                 i.token(t, "ann", scopes, map[string]any{"nbf": now.Add(2 * time.Minute).Unix()}),
		"for another audience":          i.token(t, "ann", scopes, map[string]any{"aud": "another"}),
		"of another issuer":             i.token(t, "ann", scopes, map[string]any{"iss": "https://issuer.example.com"}),
		"signed by another key":         signed(t, jose.RS256, other, claims),
		"HS256 with the public key":     signed(t, jose.HS256, der, claims),
		"HS256 with the key's PEM":      signed(t, jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), claims),
		"RS384":                         signed(t, jose.RS384, i.key, claims),
		"of the algorithm none":         none + "." + good[1] + ".",
		"none with another's signature": none + "." + good[1] + "." + good[2],
		"rubbish":                       "x.y.z",
	}
}
