package googleid

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/oauth2"

	"github.com/concha-labs/backend/pkg/httpserver"
)

// source makes tokens that name their audience, unless it fails.
type source struct {
	audience string
	err      error
}

func (s source) Token() (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: "token for " + s.audience}, s.err
}

func TestTokenIsForTheAddressAndKeepsTheClients(t *testing.T) {
	made := 0
	tokens := &Tokens{sources: map[string]oauth2.TokenSource{}, newSource: func(_ context.Context, audience string) (oauth2.TokenSource, error) {
		made++
		return source{audience: audience}, nil
	}}
	for range 2 {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://accounts.example/v1/accounts", http.NoBody)
		r.Header.Set("Authorization", "Bearer mine")
		if err := tokens.Add(r); err != nil {
			t.Fatal(err)
		}
		if got := r.Header.Get("X-Serverless-Authorization"); got != "Bearer token for https://accounts.example" {
			t.Errorf("the service's token is %q", got)
		}
		if got := r.Header.Get("Authorization"); got != "Bearer mine" {
			t.Errorf("the client's credentials are %q", got)
		}
	}
	if made != 1 {
		t.Errorf("%d sources for one audience", made)
	}
}

func TestWithoutTokensTheServiceIsUnavailable(t *testing.T) {
	failed := errors.New("no metadata server")
	for _, tokens := range []*Tokens{
		{sources: map[string]oauth2.TokenSource{"http://a": source{err: failed}}},
		{sources: map[string]oauth2.TokenSource{}, newSource: func(context.Context, string) (oauth2.TokenSource, error) { return nil, failed }},
	} {
		err := tokens.Add(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://a/", http.NoBody))
		if !errors.Is(err, httpserver.ErrUnavailable) || !errors.Is(err, failed) {
			t.Errorf("err = %v", err)
		}
	}
}
