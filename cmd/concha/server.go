package main

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	api "github.com/concha-labs/backend/pkg/client"
)

// server is the running system that a command works with.
type server struct{ origin, token string }

func newServer(cfg config) server { return server{token: cfg.Token} }

func (s *server) flag(flags *pflag.FlagSet) {
	flags.StringVar(&s.origin, "url", "http://localhost:8080", "`origin` of the server")
}

func (s *server) check() error {
	origin, err := url.Parse(s.origin)
	if err != nil || origin.Host == "" || origin.Scheme != "http" && origin.Scheme != "https" {
		return errors.New("--url must be an origin as in http://localhost:8080")
	}
	return nil
}

// client returns a client that sends the credential, if there is one, and
// returns failures as errors. A request may take as long as the timeout; zero
// means no limit.
func (s *server) client(timeout time.Duration) (*api.ClientWithResponses, error) {
	options := []api.ClientOption{api.WithHTTPClient(&http.Client{Timeout: timeout}), api.WithErrors()}
	if s.token != "" {
		options = append(options, api.WithToken(s.token))
	}
	return api.NewClientWithResponses(s.origin, options...)
}

var collections = []string{"accounts", "audios"}

// oneCollection accepts the name of a collection as the only argument.
func oneCollection(_ *cobra.Command, args []string) error {
	if len(args) != 1 || !slices.Contains(collections, args[0]) {
		return errors.New("name one collection: accounts or audios")
	}
	return nil
}
