package main

import (
	"cmp"
	"fmt"
	"os"

	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/gateway"
)

// Config holds the settings of the process.
type Config struct {
	settings.Process
	settings.Memory
	Gateway   gateway.Config
	Backend   string             `env:"CONCHA_BACKEND" envDefault:"embedded" desc:"embedded (SQLite and a folder) is the only backend of this process"`
	AdminPort settings.AdminPort `env:"CONCHA_ADMIN_PORT" envDefault:"0" desc:"TCP port of /metrics and /debug/pprof/, which is not for the public; 0 for none"`
	DataDir   string             `env:"CONCHA_DATA_DIR" envDefault:"./data" desc:"folder of all data"`

	settings.Traces

	RequireIfMatch bool `env:"CONCHA_REQUIRE_IF_MATCH" envDefault:"false" desc:"true: v1 requires If-Match for a change of an existing resource, and answers 428 without it"`
}

const embedded = "embedded"

// Validate implements settings.Validator.
func (c Config) Validate() []settings.Problem {
	if c.Backend != embedded {
		return []settings.Problem{{Variable: "CONCHA_BACKEND", Detail: "must be embedded here; on gcp, run the services as processes of their own"}}
	}
	return nil
}

// origin returns the origin that the events of the in-memory bus refer to.
func (c Config) origin() settings.Origin {
	return cmp.Or(c.Gateway.PublicURL, settings.Origin(fmt.Sprintf("http://localhost:%d", c.Port)))
}

// announce prints the addresses of the running system.
func announce(url string) {
	_, _ = fmt.Fprintf(os.Stdout, "The API is at %s, its documentation at %s/docs\n", url, url)
}
