package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/concha-labs/backend/pkg/client"
)

func TestTokenSource(t *testing.T) {
	var sent []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Authorization"))
	}))
	defer server.Close()
	tokens := []string{"first", "second"}
	errEmpty := errors.New("no token is left")
	api, err := client.NewClientWithResponses(server.URL, client.WithTokenSource(func(context.Context) (string, error) {
		if len(tokens) == 0 {
			return "", errEmpty
		}
		token := tokens[0]
		tokens = tokens[1:]
		return token, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := api.GetAccountWithResponse(t.Context(), 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := api.GetAccountWithResponse(t.Context(), 1, nil); !errors.Is(err, errEmpty) {
		t.Errorf("a request without a token ends with %v", err)
	}
	if len(sent) != 2 || sent[0] != "Bearer first" || sent[1] != "Bearer second" {
		t.Errorf("sent %q", sent)
	}
}
