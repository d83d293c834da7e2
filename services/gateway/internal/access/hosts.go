package access

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/settings"
)

// Hosts are the names by which clients may address a process that is open to
// everybody. They defend against DNS rebinding, in which a page of another site
// reaches the process under a name of that site, so that the browser takes the
// API for a part of the site. The zero Hosts allows every name.
type Hosts struct {
	isStrict bool
	names    map[string]bool
	undotted bool // allows names without a dot, which no public DNS has
}

// NewHosts returns the names of a process: localhost, IP addresses, the host of
// public, and, if other machines reach the process, names without a dot, such as
// those of containers.
func NewHosts(listen settings.Listen, public settings.Origin) Hosts {
	h := Hosts{names: map[string]bool{"localhost": true}, undotted: !listen.IsLocal(), isStrict: true}
	if u, err := url.Parse(string(public)); err == nil && u.Host != "" {
		h.names[strings.ToLower(u.Hostname())] = true
	}
	return h
}

// check returns ErrForbidden unless host, as in http.Request, may be used.
func (h Hosts) check(host string) error {
	if !h.isStrict {
		return nil
	}
	name := hostname(host)
	if h.names[name] || strings.HasSuffix(name, ".localhost") || h.undotted && !strings.Contains(name, ".") {
		return nil
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return nil
	}
	return caller.ErrForbidden.Detailf("this server needs no credentials, so it answers only under names that are its own, which %q is not: set CONCHA_PUBLIC_URL to the origin that clients use, or CONCHA_AUTH=required", name)
}

// hostname returns host in lower case, without its port, the brackets of an IPv6
// address, and the dot of the root.
func hostname(host string) string {
	u := url.URL{Host: host}
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
}
