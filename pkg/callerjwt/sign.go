// Package callerjwt passes callers from the gateway to the services: in the
// header Concha-Caller, as a JWT that the gateway signs with its Ed25519 key. A
// service has only the public keys, so it cannot forge callers for another one.
package callerjwt

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/shardlru"
)

// Header carries the token. The gateway removes it from what clients send.
const Header = "Concha-Caller"

const (
	issuer = "concha-gateway"
	// lifetime is how long a token is valid.
	lifetime = 60 * time.Second
	// reuse is how long a token is sent before there is a new one. What is left
	// of its lifetime is for the way to the service.
	reuse = 30 * time.Second
	// remembered is how many callers a Signer has tokens for, and how many tokens
	// a Verifier remembers.
	remembered = 4096
)

// claims are those of a token.
type claims struct {
	Issuer   string        `json:"iss"`
	Audience string        `json:"aud"`
	Subject  string        `json:"sub"`
	Scopes   caller.Scopes `json:"scope"`
	IssuedAt int64         `json:"iat"`
	Expires  int64         `json:"exp"`
}

// Signer makes tokens. It is safe for concurrent use.
type Signer struct {
	signer jose.Signer
	tokens *shardlru.Cache[audienceOf, signed]
}

type audienceOf struct {
	caller.Caller
	audience string
}

type signed struct {
	token   string
	renewAt time.Time
}

// NewSigner returns a Signer with the gateway's key.
func NewSigner(key PrivateKey) (*Signer, error) {
	jwk := jose.JSONWebKey{Key: key.PrivateKey, KeyID: keyID(key.Public().(ed25519.PublicKey))}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jwk}, new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("sign callers: %w", err)
	}
	return &Signer{signer: signer, tokens: shardlru.New[audienceOf, signed](remembered)}, nil
}

// Token returns a token for the service audience that is valid for at least 30
// seconds. It is signed once per caller and audience and reused for 30 seconds.
func (s *Signer) Token(c caller.Caller, audience string) (string, error) {
	key, now := audienceOf{c, audience}, time.Now()
	if t, ok := s.tokens.Get(key); ok && now.Before(t.renewAt) {
		return t.token, nil
	}
	payload, err := json.Marshal(claims{
		Issuer: issuer, Audience: audience, Subject: c.ID, Scopes: c.Scopes,
		IssuedAt: now.Unix(), Expires: now.Add(lifetime).Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("sign a caller: %w", err)
	}
	object, err := s.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign a caller: %w", err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("sign a caller: %w", err)
	}
	s.tokens.Add(key, signed{token, now.Add(reuse)})
	return token, nil
}

// keyID names a public key, so that one of several is found at once.
func keyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
