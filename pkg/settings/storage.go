package settings

import (
	"errors"
	"net"
)

// Storage holds the settings of a service's backends. Embed it in a config
// type.
type Storage struct {
	Backend          string   `env:"CONCHA_BACKEND" envDefault:"gcp" desc:"gcp, or embedded: SQLite and a folder"`
	DataDir          string   `env:"CONCHA_DATA_DIR" envDefault:"./data" desc:"embedded: the folder of all data"`
	Project          string   `env:"GOOGLE_CLOUD_PROJECT" desc:"gcp: the project's id"`
	SpannerDatabase  string   `env:"CONCHA_SPANNER_DATABASE" desc:"gcp: projects/P/instances/I/databases/D"`
	PubSubEndpoint   Endpoint `env:"CONCHA_PUBSUB_ENDPOINT" desc:"gcp: host and port of a region's Pub/Sub, such as europe-west1-pubsub.googleapis.com:443, which keeps the order of messages if publishers run in several regions; default: the nearest"`
	SpannerMaxWrites int      `env:"CONCHA_SPANNER_MAX_WRITES" envDefault:"0" desc:"gcp: maximum of concurrent read-write transactions; 0: no limit; 1 on an emulator"`
	Bucket           string   `env:"CONCHA_BUCKET" desc:"gcp: the bucket of the uploaded objects"`
}

const (
	gcp      = "gcp"
	embedded = "embedded"
)

// Endpoint is a host and a port, such as "europe-west1-pubsub.googleapis.com:443".
// It is "" if it is not set.
type Endpoint string

// UnmarshalText parses an endpoint. Its port is 443 if it has none.
func (e *Endpoint) UnmarshalText(text []byte) error {
	value := string(text)
	if !host.MatchString(value) {
		return errors.New("must be a host and a port such as europe-west1-pubsub.googleapis.com:443, without https://")
	}
	if _, _, err := net.SplitHostPort(value); err != nil {
		value += ":443"
	}
	*e = Endpoint(value)
	return nil
}

// Embedded reports whether the service stores its data in SQLite and a folder
// instead of gcp.
func (s Storage) Embedded() bool { return s.Backend == embedded }

// StorageSettings returns s. It is promoted to the settings of a service.
func (s Storage) StorageSettings() Storage { return s }

// Validate implements Validator.
func (s Storage) Validate() (problems []Problem) {
	require := func(variable, value string) {
		if value == "" {
			problems = append(problems, Problem{Variable: variable, Detail: "is required when CONCHA_BACKEND is gcp"})
		}
	}
	switch s.Backend {
	case embedded:
	case gcp:
		require("GOOGLE_CLOUD_PROJECT", s.Project)
		require("CONCHA_SPANNER_DATABASE", s.SpannerDatabase)
		require("CONCHA_BUCKET", s.Bucket)
	default:
		problems = append(problems, Problem{Variable: "CONCHA_BACKEND", Detail: "must be gcp or embedded"})
	}
	if s.SpannerDatabase != "" && !IsSpannerDatabase(s.SpannerDatabase) {
		problems = append(problems, Problem{Variable: "CONCHA_SPANNER_DATABASE", Detail: "must be of the form projects/P/instances/I/databases/D"})
	}
	if s.SpannerMaxWrites < 0 {
		problems = append(problems, Problem{Variable: "CONCHA_SPANNER_MAX_WRITES", Detail: "must not be negative"})
	}
	return problems
}
