package callerjwt

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// GenerateKeys returns a new key pair in PEM: the content of the file for
// PrivateKey, and a block for the file for PublicKeys.
func GenerateKeys() (private, public []byte, err error) {
	publicKey, privateKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("generate a key pair: %w", err)
	}
	encode := func(block string, der []byte, err error) []byte {
		if err != nil {
			panic(fmt.Errorf("callerjwt: encode an Ed25519 key: %w", err)) // every such key can be encoded
		}
		return pem.EncodeToMemory(&pem.Block{Type: block, Bytes: der})
	}
	der, err := x509.MarshalPKCS8PrivateKey(privateKey)
	private = encode(privateBlock, der, err)
	der, err = x509.MarshalPKIXPublicKey(publicKey)
	return private, encode(publicBlock, der, err), nil
}

// PrivateKey signs callers. As a setting, it is the path of a file.
type PrivateKey struct{ ed25519.PrivateKey }

// UnmarshalText reads the file at the path: an Ed25519 key as PKCS #8 in PEM.
func (k *PrivateKey) UnmarshalText(path []byte) error {
	content, err := read(string(path))
	if err != nil {
		return err
	}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != privateBlock {
			continue
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if private, ok := key.(ed25519.PrivateKey); err == nil && ok {
			k.PrivateKey = private
			return nil
		}
	}
	return errors.New("must be the path of a file that holds an Ed25519 private key as PKCS #8 in PEM; \"concha keys gateway\" makes one")
}

// PublicKeys verify callers. As a setting, they are the path of a file.
type PublicKeys []ed25519.PublicKey

// UnmarshalText reads the file at the path: one or more Ed25519 keys as PKIX in
// PEM, one after another.
func (k *PublicKeys) UnmarshalText(path []byte) error {
	content, err := read(string(path))
	if err != nil {
		return err
	}
	var keys PublicKeys
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		public, ok := key.(ed25519.PublicKey)
		if err != nil || !ok || block.Type != publicBlock {
			return errPublicKeys
		}
		keys = append(keys, public)
	}
	if len(keys) == 0 {
		return errPublicKeys
	}
	*k = keys
	return nil
}

var errPublicKeys = errors.New("must be the path of a file that holds Ed25519 public keys in PEM and nothing else; \"concha keys gateway\" makes one")

// read returns the content of a file. Its error names the path, unless that is
// the content itself: logs must not show a private key.
func read(path string) ([]byte, error) {
	if strings.Contains(path, "-----BEGIN") {
		return nil, errors.New("must be the path of a file, not its content")
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("must be the path of a file that can be read: %w", err)
	}
	return content, nil
}
