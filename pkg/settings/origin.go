package settings

import (
	"errors"
	"net/url"
	"regexp"
)

// Origin is the origin of the API: a scheme (http or https) and a host, such as
// "https://api.example.com". It is "" if it is not set.
type Origin string

var errOrigin = errors.New("must be a scheme (http or https) and a host such as https://api.example.com, without a path")

// UnmarshalText parses an origin, which may end with a slash.
func (o *Origin) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err != nil || !IsOrigin(u) {
		return errOrigin
	}
	*o = Origin(u.Scheme + "://" + u.Host)
	return nil
}

// host is stricter than net/url, which accepts characters such as <, > and
// quotes: an origin is used in header fields.
var host = regexp.MustCompile(`^([0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?$`)

// IsOrigin reports whether u consists of a scheme (http or https) and a host.
func IsOrigin(u *url.URL) bool {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return (u.Scheme == "http" || u.Scheme == "https") && host.MatchString(u.Host) &&
		(u.Path == "" || u.Path == "/") && *u == bare
}
