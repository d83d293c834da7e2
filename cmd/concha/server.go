package main

import (
	"errors"
	"net/url"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// server is the running system that a command works with.
type server struct{ origin string }

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

var collections = []string{"accounts", "audios"}

// oneCollection accepts the name of a collection as the only argument.
func oneCollection(_ *cobra.Command, args []string) error {
	if len(args) != 1 || !slices.Contains(collections, args[0]) {
		return errors.New("name one collection: accounts or audios")
	}
	return nil
}
