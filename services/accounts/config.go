// Package accounts is the accounts service.
package accounts

import (
	"github.com/concha-labs/backend/pkg/settings"
)

// Config is what the service can be told.
type Config struct {
	Backend          string `env:"CONCHA_BACKEND" envDefault:"gcp" desc:"gcp, or embedded: SQLite and a folder"`
	DataDir          string `env:"CONCHA_DATA_DIR" envDefault:"./data" desc:"embedded: the folder of all data"`
	Project          string `env:"GOOGLE_CLOUD_PROJECT" desc:"gcp: the project's id"`
	SpannerDatabase  string `env:"CONCHA_SPANNER_DATABASE" desc:"gcp: projects/P/instances/I/databases/D"`
	SpannerMaxWrites int    `env:"CONCHA_SPANNER_MAX_WRITES" envDefault:"0" desc:"gcp: read-write transactions under way at once, 0 for no limit; 1 on an emulator"`
	Bucket           string `env:"CONCHA_BUCKET" desc:"gcp: the bucket of the images"`
	EventsTopic      string `env:"CONCHA_EVENTS_TOPIC" envDefault:"account-events-v1" desc:"the topic that events are published to"`
	Subscription     string `env:"CONCHA_ACCOUNT_EVENTS_SUBSCRIPTION" envDefault:"accounts-self" desc:"the service's own subscription to that topic"`
	RequireIfMatch   bool   `env:"CONCHA_REQUIRE_IF_MATCH" envDefault:"false" desc:"true: v1 changes and deletes what exists only with If-Match"`
}

const (
	gcp      = "gcp"
	embedded = "embedded"
)

// Embedded reports whether the service is to run on SQLite and a folder, and
// not on gcp.
func (c Config) Embedded() bool { return c.Backend == embedded }

// Validate implements settings.Validator.
func (c Config) Validate() (problems []settings.Problem) {
	require := func(variable, value string) {
		if value == "" {
			problems = append(problems, settings.Problem{Variable: variable, Detail: "is required when CONCHA_BACKEND is gcp"})
		}
	}
	switch c.Backend {
	case embedded:
	case gcp:
		require("GOOGLE_CLOUD_PROJECT", c.Project)
		require("CONCHA_SPANNER_DATABASE", c.SpannerDatabase)
		require("CONCHA_BUCKET", c.Bucket)
	default:
		problems = append(problems, settings.Problem{Variable: "CONCHA_BACKEND", Detail: "must be gcp or embedded"})
	}
	if c.SpannerDatabase != "" && !settings.IsSpannerDatabase(c.SpannerDatabase) {
		problems = append(problems, settings.Problem{Variable: "CONCHA_SPANNER_DATABASE", Detail: "must be of the form projects/P/instances/I/databases/D"})
	}
	if c.SpannerMaxWrites < 0 {
		problems = append(problems, settings.Problem{Variable: "CONCHA_SPANNER_MAX_WRITES", Detail: "must not be negative"})
	}
	return problems
}
