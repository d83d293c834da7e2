// Package googleid sends Google identity tokens to services on Cloud Run, which
// lets only known callers through.
package googleid

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"golang.org/x/oauth2"
	"google.golang.org/api/idtoken"

	"github.com/concha-labs/backend/pkg/httpserver"
)

// header is read by Cloud Run in place of Authorization, which is the client's.
const header = "X-Serverless-Authorization"

// Tokens are identity tokens of the process's service account. It is safe for
// concurrent use.
type Tokens struct {
	newSource func(ctx context.Context, audience string) (oauth2.TokenSource, error)

	mu      sync.Mutex
	sources map[string]oauth2.TokenSource // by audience
}

// New returns Tokens of the application's default credentials.
func New() *Tokens {
	return &Tokens{sources: map[string]oauth2.TokenSource{}, newSource: func(ctx context.Context, audience string) (oauth2.TokenSource, error) {
		return idtoken.NewTokenSource(ctx, audience)
	}}
}

// Add adds a token for the address of the request. A token is reused until it
// expires.
// Errors: httpserver.ErrUnavailable if there is no token.
func (t *Tokens) Add(r *http.Request) error {
	source, err := t.source(r.URL.Scheme + "://" + r.URL.Host)
	if err != nil {
		return httpserver.ErrUnavailable.Wrap(err)
	}
	token, err := source.Token()
	if err != nil {
		return httpserver.ErrUnavailable.Wrap(fmt.Errorf("get an identity token: %w", err))
	}
	r.Header[header] = []string{"Bearer " + token.AccessToken}
	return nil
}

func (t *Tokens) source(audience string) (oauth2.TokenSource, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if source, ok := t.sources[audience]; ok {
		return source, nil
	}
	// The source outlives the request.
	source, err := t.newSource(context.Background(), audience)
	if err != nil {
		return nil, fmt.Errorf("find credentials for identity tokens: %w", err)
	}
	t.sources[audience] = source
	return source, nil
}
