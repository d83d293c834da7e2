package access

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/apikey"
	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/httpserver"
)

// identity is who valid credentials belong to.
type identity struct {
	caller  caller.Caller
	logged  string          // the caller's name in logs
	expires time.Time       // zero: never
	gone    <-chan struct{} // closed when the credentials may be withdrawn
	account *account
}

func (i *identity) isGone() bool {
	select {
	case <-i.gone:
		return true
	default:
		return false
	}
}

// maxCredentials is the length of the longest credentials, in bytes.
const maxCredentials = 8 << 10

var (
	// errCredentials is the one answer to all credentials that are not valid, so
	// that nobody learns why.
	errCredentials = httpserver.ErrUnauthenticated.Detailf("the credentials are not valid")
	errMissing     = httpserver.ErrUnauthenticated.Detailf("the request has no credentials: send an API key or a token as Authorization: Bearer")
)

// identify returns the caller with the values of a header Authorization, or nil
// if there are none.
// Errors: errCredentials; httpserver.ErrUnavailable if nobody can know.
func (g *Guard) identify(ctx context.Context, values []string) (*identity, error) {
	if len(values) == 0 {
		return nil, nil //nolint:nilnil // no credentials are no failure
	}
	scheme, credentials, _ := strings.Cut(values[0], " ")
	if credentials = strings.TrimLeft(credentials, " "); len(values) > 1 || len(credentials) > maxCredentials {
		return nil, errCredentials
	}
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		if strings.HasPrefix(credentials, apikey.Prefix) {
			return g.keys.find(credentials, time.Now())
		}
		return g.tokens.find(ctx, credentials)
	case strings.EqualFold(scheme, "Basic"):
		return g.basic(credentials)
	}
	return nil, errCredentials
}

// basic identifies the caller by a key's id as the user and the whole key as
// the password.
func (g *Guard) basic(credentials string) (*identity, error) {
	decoded, err := base64.StdEncoding.DecodeString(credentials)
	if err != nil {
		return nil, errCredentials
	}
	user, password, _ := strings.Cut(string(decoded), ":")
	who, err := g.keys.find(password, time.Now())
	if err == nil && caller.Key(user) != who.caller.ID {
		return nil, errCredentials
	}
	return who, err
}
