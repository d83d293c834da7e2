package client

import (
	"context"
	"net/http"
)

// WithToken sends an API key, or a JWT that does not expire while the client is
// in use, with each request.
func WithToken(token string) ClientOption {
	return WithTokenSource(func(context.Context) (string, error) { return token, nil })
}

// WithTokenSource sends the token that the function returns with each request.
// The function is called for each request, by several goroutines at once, so it
// should keep a token until shortly before it expires. If it returns an error,
// the request is not sent.
func WithTokenSource(token func(context.Context) (string, error)) ClientOption {
	return WithRequestEditorFn(func(ctx context.Context, req *http.Request) error {
		text, err := token(ctx)
		if err == nil {
			req.Header.Set("Authorization", "Bearer "+text)
		}
		return err
	})
}
