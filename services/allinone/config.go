package main

import (
	"cmp"
	"fmt"
	"os"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/gateway"
)

// Config holds the settings of the process.
type Config struct {
	settings.Process
	settings.Memory
	Auth        gateway.AuthMode `env:"CONCHA_AUTH" envDefault:"none" desc:"required: requests need credentials; none: everybody may do everything"`
	AllowPublic bool             `env:"CONCHA_ALLOW_PUBLIC_UNAUTHENTICATED" envDefault:"false" desc:"true: CONCHA_AUTH may be none on an address that other machines reach"`
	Gateway     gateway.Config
	Backend     string             `env:"CONCHA_BACKEND" envDefault:"embedded" desc:"embedded (SQLite and a folder) is the only backend of this process"`
	AdminPort   settings.AdminPort `env:"CONCHA_ADMIN_PORT" envDefault:"0" desc:"TCP port of /metrics and /debug/pprof/, which is not for the public; 0 for none"`
	DataDir     string             `env:"CONCHA_DATA_DIR" envDefault:"./data" desc:"folder of all data"`

	settings.Traces

	RequireIfMatch bool `env:"CONCHA_REQUIRE_IF_MATCH" envDefault:"false" desc:"true: v1 requires If-Match for a change of an existing resource, and answers 428 without it"`
}

const embedded = "embedded"

// Validate implements settings.Validator.
func (c Config) Validate() []settings.Problem {
	problems := c.gateway().Access.Problems()
	if c.Backend != embedded {
		problems = append(problems, settings.Problem{Variable: "CONCHA_BACKEND", Detail: "must be embedded here; on gcp, run the services as processes of their own"})
	}
	if c.isPublic() && !c.AllowPublic {
		problems = append(problems, settings.Problem{
			Variable: "CONCHA_ALLOW_PUBLIC_UNAUTHENTICATED",
			Detail:   "must be true as well if everybody who reaches CONCHA_LISTEN may do everything; CONCHA_AUTH=required asks for credentials instead",
		})
	}
	return problems
}

// listen returns the address to listen on: without access control, nobody else
// reaches it unless CONCHA_LISTEN says so.
func (c Config) listen() settings.Listen {
	if c.Listen == "" && c.Auth != gateway.AuthRequired {
		return settings.Loopback
	}
	return c.Listen
}

// isPublic reports whether other machines may do everything.
func (c Config) isPublic() bool {
	return c.Auth != gateway.AuthRequired && !c.listen().IsLocal()
}

// gateway returns the settings of the gateway.
func (c Config) gateway() gateway.Config { return c.Gateway.On(c.listen(), c.Auth) }

// warn logs that there is no access control.
func (c Config) warn(log *zap.Logger) {
	switch {
	case c.isPublic():
		log.Warn("CONCHA_AUTH is none: everybody who reaches this address may do everything", zap.String("listen", cmp.Or(c.listen().Host(), "all addresses")))
	case c.Auth != gateway.AuthRequired:
		log.Info("CONCHA_AUTH is none, so the process listens on the loopback address only")
	}
}

// origin returns the origin that the events of the in-memory bus refer to.
func (c Config) origin() settings.Origin {
	return cmp.Or(c.Gateway.PublicURL, settings.Origin(fmt.Sprintf("http://localhost:%d", c.Port)))
}

// announce prints the addresses of the running system, and who reaches them.
func (c Config) announce(url string) {
	reach := "everybody who reaches port " + fmt.Sprint(c.Port)
	if host := c.listen().Host(); c.listen().IsLocal() {
		reach = "this machine only"
	} else if host != "" {
		reach = "everybody who reaches " + host
	}
	if c.Auth == gateway.AuthRequired {
		reach += " with a key or a token"
	}
	_, _ = fmt.Fprintf(os.Stdout, "The API is at %s, its documentation at %s/docs; it is open to %s\n", url, url, reach)
}
