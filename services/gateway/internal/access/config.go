// Package access decides who may use which operation of the gateway: it
// identifies callers, enforces scopes and limits, and tells browsers which
// pages may use the API.
package access

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/concha-labs/backend/pkg/apikey"
	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/settings"
)

// Mode says whether requests need credentials. The zero Mode is None.
type Mode string

// The modes.
const (
	None     Mode = "" // everybody may do everything
	Required Mode = "required"
)

var errMode = errors.New("must be none or required")

// UnmarshalText accepts none and required.
func (m *Mode) UnmarshalText(text []byte) error {
	switch string(text) {
	case "none":
		*m = None
	case string(Required):
		*m = Required
	default:
		return errMode
	}
	return nil
}

// Config is the part of the gateway's settings that is about access. The zero
// Config is open to everybody.
type Config struct {
	Mode  Mode  // a setting of the program, as its default differs
	Hosts Hosts // that requests may name if the mode is None

	KeysFile           string        `env:"CONCHA_API_KEYS_FILE" desc:"file with the hashes of API keys, a JSON object per line as \"concha keys new\" prints it; re-read when it changes"`
	Issuers            Issuers       `env:"CONCHA_OIDC_ISSUERS" desc:"issuers of tokens (JWT), such as https://accounts.google.com, separated by commas"`
	Audience           string        `env:"CONCHA_OIDC_AUDIENCE" desc:"the audience that tokens must name; required with CONCHA_OIDC_ISSUERS"`
	DefaultScopes      caller.Scopes `env:"CONCHA_OIDC_DEFAULT_SCOPES" desc:"scopes of a token that has neither scope nor scp"`
	AnonymousScopes    caller.Scopes `env:"CONCHA_ANONYMOUS_SCOPES" desc:"scopes of requests without credentials"`
	ClassicScopes      caller.Scopes `env:"CONCHA_CLASSIC_SCOPES" desc:"further scopes of requests without credentials on the classic paths"`
	RateLimit          apikey.Rate   `env:"CONCHA_RATE_LIMIT" envDefault:"100/s" desc:"limit of each caller, with bursts of 2 seconds; off if CONCHA_AUTH is none"`
	AnonymousRateLimit apikey.Rate   `env:"CONCHA_ANONYMOUS_RATE_LIMIT" envDefault:"20/s" desc:"limit of each address (IPv6: /64) without credentials; off if CONCHA_AUTH is none"`
	CORSOrigins        Origins       `env:"CONCHA_CORS_ORIGINS" desc:"origins of the pages that may use the API from a browser, such as https://app.example.com, separated by commas, or * for all; default: none"`
}

// Problems returns the mistakes in c that no single variable shows.
func (c Config) Problems() (problems []settings.Problem) {
	add := func(variable, format string, args ...any) {
		problems = append(problems, settings.Problem{Variable: variable, Detail: fmt.Sprintf(format, args...)})
	}
	if c.KeysFile != "" {
		if _, err := readKeys(c.KeysFile); err != nil {
			add("CONCHA_API_KEYS_FILE", "must be the path of a file of API keys: %v", err)
		}
	}
	if len(c.Issuers) > 0 && c.Audience == "" {
		add("CONCHA_OIDC_AUDIENCE", "is required with CONCHA_OIDC_ISSUERS")
	}
	for variable, scopes := range map[string]caller.Scopes{"CONCHA_ANONYMOUS_SCOPES": c.AnonymousScopes, "CONCHA_CLASSIC_SCOPES": c.ClassicScopes} {
		if scopes&caller.OwnScopes != 0 {
			add(variable, "must not hold an own scope: a caller without credentials owns nothing")
		}
	}
	if c.Mode == Required && c.KeysFile == "" && len(c.Issuers) == 0 {
		add("CONCHA_API_KEYS_FILE", "or CONCHA_OIDC_ISSUERS is required, as nobody could use the API; CONCHA_AUTH=none opens it to everybody")
	}
	return problems
}

func readKeys(path string) ([]apikey.Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return apikey.Parse(f)
}

// Issuers are URLs of OpenID Connect issuers.
type Issuers []string

var errIssuers = errors.New("must be a comma-separated list of https URLs (http for a loopback address) without a query")

// UnmarshalText parses a comma-separated list.
func (i *Issuers) UnmarshalText(text []byte) error {
	var parsed Issuers
	for entry := range strings.SplitSeq(string(text), ",") {
		entry = strings.TrimSpace(entry)
		u, err := url.Parse(entry)
		if err != nil || !isSafe(u) || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return errIssuers
		}
		parsed = append(parsed, entry)
	}
	*i = parsed
	return nil
}

// isSafe reports whether what comes from u can be believed: it comes over TLS,
// or from this machine.
func isSafe(u *url.URL) bool {
	switch u.Scheme {
	case "https":
		return u.Host != ""
	case "http":
		address, err := netip.ParseAddr(u.Hostname())
		return u.Hostname() == "localhost" || err == nil && address.IsLoopback()
	}
	return false
}

// Origins are the origins of pages that may use the API.
type Origins []string

const anyOrigin = "*"

var errOrigins = errors.New("must be * or a comma-separated list of origins such as https://app.example.com")

// UnmarshalText parses * or a comma-separated list.
func (o *Origins) UnmarshalText(text []byte) error {
	if string(text) == anyOrigin {
		*o = Origins{anyOrigin}
		return nil
	}
	var parsed Origins
	for entry := range strings.SplitSeq(string(text), ",") {
		var origin settings.Origin
		if origin.UnmarshalText([]byte(strings.TrimSpace(entry))) != nil {
			return errOrigins
		}
		parsed = append(parsed, string(origin))
	}
	*o = parsed
	return nil
}
