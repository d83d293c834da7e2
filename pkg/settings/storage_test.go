package settings_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concha-labs/backend/pkg/settings"
)

func TestStorageRules(t *testing.T) {
	whole := settings.Storage{Backend: "gcp", Project: "p", SpannerDatabase: "projects/p/instances/i/databases/d", Bucket: "b"}
	for _, c := range []struct {
		edit func(*settings.Storage)
		want []string
	}{
		{func(*settings.Storage) {}, nil},
		{func(s *settings.Storage) { *s = settings.Storage{Backend: "embedded"} }, nil},
		{func(s *settings.Storage) { *s = settings.Storage{Backend: "gcp", SpannerMaxWrites: -1} }, []string{"GOOGLE_CLOUD_PROJECT", "CONCHA_SPANNER_DATABASE", "CONCHA_BUCKET", "CONCHA_SPANNER_MAX_WRITES"}},
		{func(s *settings.Storage) { s.SpannerDatabase, s.Bucket = "d", "" }, []string{"CONCHA_BUCKET", "CONCHA_SPANNER_DATABASE"}},
		{func(s *settings.Storage) { s.SpannerDatabase += "/d" }, []string{"CONCHA_SPANNER_DATABASE"}},
		{func(s *settings.Storage) { s.Backend = "aws" }, []string{"CONCHA_BACKEND"}},
	} {
		s := whole
		c.edit(&s)
		var got []string
		for _, p := range s.Validate() {
			got = append(got, p.Variable)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", s, diff)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for text, want := range map[string]settings.Endpoint{
		"europe-west1-pubsub.googleapis.com:443": "europe-west1-pubsub.googleapis.com:443",
		"europe-west1-pubsub.googleapis.com":     "europe-west1-pubsub.googleapis.com:443",
		"127.0.0.1:8085":                         "127.0.0.1:8085",
		"[::1]":                                  "[::1]:443",
	} {
		var got settings.Endpoint
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"https://pubsub.googleapis.com", "pubsub.googleapis.com/", "a:b", ":443", "a b"} {
		if new(settings.Endpoint).UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
