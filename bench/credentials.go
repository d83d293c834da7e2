package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/apikey"
	"github.com/concha-labs/backend/pkg/caller"
)

// credentials are those that a gateway knows: it has limits that are not
// reached, its metrics, and a key of its own for the services.
type credentials struct {
	settings            []string
	key, token, expired string // headers Authorization
	issuer              *httptest.Server
}

// newCredentials writes the files of keys to dir and starts an issuer of tokens.
func newCredentials(ctx context.Context, dir string) (*credentials, error) {
	c := &credentials{}
	var file []byte
	for _, key := range []struct {
		id      string
		expires time.Time
		text    *string
	}{{"bench", time.Time{}, &c.key}, {"expired", time.Now().Add(-time.Hour), &c.expired}} {
		text, line, err := apikey.New(apikey.Key{ID: key.id, Name: key.id, Scopes: caller.AccountsRead, ExpiresAt: key.expires})
		if err != nil {
			return nil, err
		}
		*key.text = "Bearer " + text
		file = append(append(file, line...), '\n')
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	keys, gatewayKey := filepath.Join(dir, "keys"), filepath.Join(dir, "private.pem")
	for path, content := range map[string][]byte{keys: file, gatewayKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, err
		}
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.startIssuer(); err != nil {
		return nil, err
	}
	c.settings = []string{
		"CONCHA_AUTH=required", "CONCHA_API_KEYS_FILE=" + keys, "CONCHA_GATEWAY_KEY_FILE=" + gatewayKey, "CONCHA_OIDC_ISSUERS=" + c.issuer.URL, "CONCHA_OIDC_AUDIENCE=bench",
		"CONCHA_RATE_LIMIT=1000000/s", "CONCHA_ADMIN_PORT=" + port, "CONCHA_TRUSTED_PROXIES=127.0.0.1,::1",
	}
	return c, nil
}

func (c *credentials) close() { c.issuer.Close() }

// startIssuer starts an issuer and makes a token of it.
func (c *credentials) startIssuer() error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	encode := base64.RawURLEncoding.EncodeToString
	c.issuer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": c.issuer.URL, "jwks_uri": c.issuer.URL + "/keys"})
			return
		}
		_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"bench","x":%q}]}`, encode(public))
	}))
	claims, err := json.Marshal(map[string]any{
		"iss": c.issuer.URL, "aud": "bench", "sub": "bench", "scope": "accounts:read", "exp": time.Now().Add(24 * time.Hour).Unix(),
	})
	if err != nil {
		return err
	}
	signed := encode([]byte(`{"alg":"EdDSA","kid":"bench"}`)) + "." + encode(claims)
	c.token = "Bearer " + signed + "." + encode(ed25519.Sign(private, []byte(signed)))
	return nil
}
