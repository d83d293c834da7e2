package httpserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"github.com/concha-labs/backend/pkg/fault"
)

const (
	defaultPageSize = 50
	maxPageSize     = 1000
)

// PageSize reads the query parameter page_size: 50 if it is empty or 0, and at
// most 1,000, to which larger ones are cut. Errors: fault.Invalid if it is
// negative or no integer.
func PageSize(raw string) (int, error) {
	if raw == "" {
		return defaultPageSize, nil
	}
	n, err := strconv.ParseInt(raw, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || n < 0 {
		return 0, fault.Invalidate(fault.Violation{Pointer: "page_size", Detail: "must be an integer, 0 or more"})
	}
	if n == 0 {
		return defaultPageSize, nil
	}
	return int(min(n, maxPageSize)), nil
}

// A page token is, in base64url: a version byte, the first bytes of the
// SHA-256 of what it is bound to, and the place after which to go on. It is
// opaque but not secret: whoever reads a list could compute any place.
const (
	tokenVersion = 1
	bindingBytes = 8
)

var tokenEncoding = base64.RawURLEncoding.Strict()

// EncodePageToken returns a token for the page after the place after, of the
// list that binding, the canonical form of its filters and order, names.
func EncodePageToken(binding, after string) string {
	sum := sha256.Sum256([]byte(binding))
	raw := make([]byte, 0, 1+bindingBytes+len(after))
	raw = append(raw, tokenVersion)
	raw = append(raw, sum[:bindingBytes]...)
	raw = append(raw, after...)
	return tokenEncoding.EncodeToString(raw)
}

// DecodePageToken returns what EncodePageToken was given as after, or
// ErrPageToken if the token was made with another binding, or by something
// else. The place is still input: the caller checks its form.
func DecodePageToken(binding, token string) (after string, err error) {
	// The decoder would skip line breaks, and two tokens be one.
	if strings.ContainsAny(token, "\r\n") {
		return "", ErrPageToken
	}
	raw, err := tokenEncoding.DecodeString(token)
	if err != nil || len(raw) < 1+bindingBytes || raw[0] != tokenVersion {
		return "", ErrPageToken
	}
	sum := sha256.Sum256([]byte(binding))
	if !bytes.Equal(raw[1:1+bindingBytes], sum[:bindingBytes]) {
		return "", ErrPageToken
	}
	return string(raw[1+bindingBytes:]), nil
}
