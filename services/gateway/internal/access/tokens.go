package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/shardlru"
)

const (
	// skew is how far an issuer's clock may differ from ours.
	skew = 60 * time.Second
	// rememberedTokens is how many verified tokens are remembered.
	rememberedTokens = 16 << 10
	// maxSubject is the length of the longest subject (OpenID Connect Core, 2).
	maxSubject = 255
)

var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}

// tokens verifies JWTs.
type tokens struct {
	issuers       map[string]*issuer
	audience      string
	defaultScopes caller.Scopes
	accounts      *accounts
	verified      *shardlru.Cache[[sha256.Size]byte, *identity]
}

func newTokens(cfg Config, issuers []*issuer, accounts *accounts) *tokens {
	t := &tokens{
		issuers: map[string]*issuer{}, audience: cfg.Audience, defaultScopes: cfg.DefaultScopes,
		accounts: accounts, verified: shardlru.New[[sha256.Size]byte, *identity](rememberedTokens),
	}
	for _, i := range issuers {
		t.issuers[i.url] = i
	}
	return t
}

// find returns the caller that a token names. A token is verified once, and again
// after the keys of its issuer have changed.
// Errors: errCredentials; httpserver.ErrUnavailable if the keys of its issuer
// are not known.
func (t *tokens) find(ctx context.Context, token string) (*identity, error) {
	hash := sha256.Sum256([]byte(token))
	who, ok := t.verified.Get(hash)
	if !ok || who.isGone() {
		var err error
		if who, err = t.verify(ctx, token); err != nil {
			return nil, err
		}
		t.verified.Add(hash, who)
	}
	if time.Now().After(who.expires.Add(skew)) {
		return nil, errCredentials
	}
	return who, nil
}

// claims are those of a token that count.
type claims struct {
	jwt.Claims

	Scope scopeNames `json:"scope"`
	SCP   scopeNames `json:"scp"`
}

// scopeNames are a string with spaces in it or a list of strings; nil if absent.
type scopeNames []string

func (s *scopeNames) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	var one string
	if err := json.Unmarshal(text, &one); err == nil {
		*s = append(scopeNames{}, strings.Fields(one)...)
		return nil
	}
	many := []string{}
	if err := json.Unmarshal(text, &many); err != nil {
		return err
	}
	*s = many
	return nil
}

func (t *tokens) verify(ctx context.Context, token string) (*identity, error) {
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return nil, errCredentials.Wrap(err)
	}
	var named struct {
		Issuer string `json:"iss"`
	}
	if err := parsed.UnsafeClaimsWithoutVerification(&named); err != nil {
		return nil, errCredentials.Wrap(err)
	}
	i, ok := t.issuers[named.Issuer]
	if !ok {
		return nil, errCredentials
	}
	header := parsed.Headers[0]
	keys, changed, err := i.keysFor(ctx, header.KeyID, header.Algorithm)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		var c claims
		if err = parsed.Claims(key.Key, &c); err == nil {
			return t.identity(c, changed)
		}
	}
	return nil, errCredentials.Wrap(err)
}

// identity judges the claims of a token whose signature is right. The identity
// is gone when the keys of the issuer change: the one that signed the token may
// be withdrawn.
func (t *tokens) identity(c claims, changed <-chan struct{}) (*identity, error) {
	now := time.Now()
	if err := c.ValidateWithLeeway(jwt.Expected{AnyAudience: jwt.Audience{t.audience}, Time: now}, skew); err != nil {
		return nil, errCredentials.Wrap(err)
	}
	if c.Expiry == nil || c.Subject == "" || len(c.Subject) > maxSubject {
		return nil, errCredentials.Wrap(errors.New("the token lacks exp or a sub of at most 255 bytes"))
	}
	scopes := t.defaultScopes
	if c.Scope != nil || c.SCP != nil {
		scopes = caller.Known(c.Scope) | caller.Known(c.SCP)
	}
	who := caller.Caller{ID: caller.Subject(c.Issuer, c.Subject), Scopes: scopes}
	return &identity{caller: who, logged: who.Logged(), expires: c.Expiry.Time(), gone: changed, account: t.accounts.of(who.ID)}, nil
}

// fits reports whether a key is one that tokens of an algorithm are signed
// with.
func fits(key jose.JSONWebKey, algorithm string) bool {
	if key.Use != "" && key.Use != "sig" || key.Algorithm != "" && key.Algorithm != algorithm {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return algorithm == string(jose.RS256) && public.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return algorithm == string(jose.ES256) && public.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	}
	return false
}
