package callerjwt_test

import (
	"crypto/ed25519"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/callerjwt"
)

// keys returns a new pair as a process reads it from its files, and the public
// key's block.
func keys(t *testing.T) (callerjwt.PrivateKey, []byte) {
	t.Helper()
	private, public, err := callerjwt.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	var key callerjwt.PrivateKey
	if err := key.UnmarshalText([]byte(write(t, private))); err != nil {
		t.Fatal(err)
	}
	return key, public
}

func write(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// service returns a service that answers with the id of its caller.
func service(t *testing.T, publicKeys ...[]byte) http.Handler {
	t.Helper()
	var cfg callerjwt.Config
	if err := cfg.PublicKeys.UnmarshalText([]byte(write(t, []byte(strings.Join(texts(publicKeys), "\n"))))); err != nil {
		t.Fatal(err)
	}
	return cfg.Require("accounts", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := caller.From(r.Context())
		_, _ = w.Write([]byte(c.ID + " may " + c.Scopes.String()))
	}))
}

func texts(blocks [][]byte) (s []string) {
	for _, b := range blocks {
		s = append(s, string(b))
	}
	return s
}

func ask(t *testing.T, h http.Handler, path string, tokens ...string) (status int, body string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	if len(tokens) > 0 {
		r.Header[callerjwt.Header] = tokens
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

var ann = caller.Caller{ID: caller.Subject("https://issuer.example", "Änn <&>"), Scopes: caller.AccountsOwn | caller.EventsRead}

func token(t *testing.T, key callerjwt.PrivateKey, audience string) string {
	t.Helper()
	s, err := callerjwt.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Token(ann, audience)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestServiceLearnsTheCaller(t *testing.T) {
	key, public := keys(t)
	_, older := keys(t)
	h := service(t, older, public)
	text := token(t, key, "accounts")
	for range 2 {
		if status, body := ask(t, h, "/v1/accounts", text); status != http.StatusOK || body != ann.ID+" may accounts:own events:read" {
			t.Errorf("answer %d %s", status, body)
		}
	}
}

func TestServiceAnswersToItsGatewayAlone(t *testing.T) {
	key, public := keys(t)
	other, _ := keys(t)
	h := service(t, public)
	valid := token(t, key, "accounts")
	forge := func(algorithm jose.SignatureAlgorithm, signingKey any, claims map[string]any) string {
		all := map[string]any{"iss": "concha-gateway", "aud": "accounts", "sub": "key:root", "scope": "accounts:read", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
		maps.Copy(all, claims)
		var header struct{ Kid string }
		raw, _ := base64.RawURLEncoding.DecodeString(strings.Split(valid, ".")[0])
		_ = json.Unmarshal(raw, &header)
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: signingKey, KeyID: header.Kid}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		payload, _ := json.Marshal(all)
		object, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := object.CompactSerialize()
		return text
	}
	parts := strings.Split(valid, ".")
	for name, tokens := range map[string][]string{
		"none":                {},
		"two":                 {valid, valid},
		"rubbish":             {"x"},
		"of another key":      {token(t, other, "accounts")},
		"for another service": {token(t, key, "audios")},
		"without a signature": {parts[0] + "." + parts[1] + "."},
		"alg none":            {base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."},
		"HS256":               {forge(jose.HS256, []byte(key.Public().(ed25519.PublicKey)), nil)},
		"expired":             {forge(jose.EdDSA, key.PrivateKey, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()})},
		"of another issuer":   {forge(jose.EdDSA, key.PrivateKey, map[string]any{"iss": "x"})},
		"from the future":     {forge(jose.EdDSA, key.PrivateKey, map[string]any{"iat": time.Now().Add(time.Minute).Unix()})},
		"an unknown scope":    {forge(jose.EdDSA, key.PrivateKey, map[string]any{"scope": "everything"})},
	} {
		if status, body := ask(t, h, "/v1/accounts", tokens...); status != http.StatusUnauthorized || !strings.Contains(body, "/problems/unauthenticated") {
			t.Errorf("%s: answer %d %s", name, status, body)
		}
	}
	if status, _ := ask(t, h, "/v1/accounts", forge(jose.EdDSA, key.PrivateKey, nil)); status != http.StatusOK {
		t.Errorf("what the forger changes nothing of is answered %d", status)
	}
	for _, probe := range []string{"/livez", "/readyz", "/ready"} {
		if status, _ := ask(t, h, probe); status != http.StatusOK {
			t.Errorf("%s: answer %d", probe, status)
		}
	}
}

func TestTokensAreReusedFor30SecondsAndValidFor60(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, public := keys(t)
		h := service(t, public)
		s, err := callerjwt.NewSigner(key)
		if err != nil {
			t.Fatal(err)
		}
		sign := func() string {
			text, err := s.Token(ann, "accounts")
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		first := sign()
		time.Sleep(29 * time.Second)
		if sign() != first {
			t.Error("a token is signed anew within 30 s")
		}
		time.Sleep(2 * time.Second)
		if sign() == first {
			t.Error("a token is sent for longer than 30 s")
		}
		if status, _ := ask(t, h, "/", first); status != http.StatusOK {
			t.Errorf("after 31 s the answer is %d", status)
		}
		time.Sleep(time.Minute)
		if status, _ := ask(t, h, "/", first); status != http.StatusUnauthorized {
			t.Errorf("after 91 s the answer is %d, want that the token has expired although it was seen before", status)
		}
	})
}

func TestServiceWithoutKeysAnswersEverybodyIfToldSo(t *testing.T) {
	if problems := (callerjwt.Config{}).Problems(); len(problems) != 1 || problems[0].Variable != "CONCHA_GATEWAY_PUBLIC_KEYS_FILE" {
		t.Errorf("problems %v", problems)
	}
	cfg := callerjwt.Config{TrustNetwork: true}
	if problems := cfg.Problems(); len(problems) != 0 {
		t.Errorf("problems %v", problems)
	}
	if status, _ := ask(t, cfg.Require("accounts", http.NotFoundHandler()), "/v1/accounts"); status != http.StatusNotFound {
		t.Errorf("answer %d", status)
	}
}

func TestKeyFilesAreChecked(t *testing.T) {
	private, public, err := callerjwt.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	const missing = "/does/not/exist"
	for name, path := range map[string]string{"missing": missing, "empty": write(t, nil), "text": write(t, []byte("x")), "the content": string(private)} {
		for kind, key := range map[string]encoding.TextUnmarshaler{"private": new(callerjwt.PrivateKey), "public": new(callerjwt.PublicKeys)} {
			err := key.UnmarshalText([]byte(path))
			switch {
			case err == nil:
				t.Errorf("%s %s: no error", name, kind)
			case strings.Contains(err.Error(), missing) != (path == missing) || strings.Contains(err.Error(), "BEGIN"):
				t.Errorf("%s %s: %v", name, kind, err)
			}
		}
	}
	if err := new(callerjwt.PrivateKey).UnmarshalText([]byte(write(t, public))); err == nil {
		t.Error("a public key passes for a private one")
	}
	if err := new(callerjwt.PublicKeys).UnmarshalText([]byte(write(t, private))); err == nil {
		t.Error("a private key passes for a public one")
	}
}

func BenchmarkVerify(b *testing.B) {
	private, public, _ := callerjwt.GenerateKeys()
	dir := b.TempDir()
	_ = os.WriteFile(dir+"/private", private, 0o600)
	_ = os.WriteFile(dir+"/public", public, 0o600)
	var key callerjwt.PrivateKey
	var cfg callerjwt.Config
	_, _ = key.UnmarshalText([]byte(dir+"/private")), cfg.PublicKeys.UnmarshalText([]byte(dir+"/public"))
	s, err := callerjwt.NewSigner(key)
	if err != nil {
		b.Fatal(err)
	}
	h := cfg.Require("accounts", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v1/accounts", http.NoBody)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		text, _ := s.Token(ann, "accounts")
		r.Header[callerjwt.Header] = []string{text}
		h.ServeHTTP(w, r)
	}
}
