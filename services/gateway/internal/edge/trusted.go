package edge

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/concha-labs/backend/pkg/settings"
)

// Networks are the networks of trusted peers.
type Networks []netip.Prefix

var errNetworks = errors.New("must be a comma-separated list of addresses and networks such as 10.0.0.0/8 or 192.0.2.1")

// UnmarshalText parses a comma-separated list of one or more IP addresses and
// networks in CIDR notation. An IPv4 network must not be written as IPv6.
func (n *Networks) UnmarshalText(text []byte) error {
	var parsed Networks
	for entry := range strings.SplitSeq(string(text), ",") {
		entry = strings.TrimSpace(entry)
		network, err := netip.ParsePrefix(entry)
		if err != nil {
			address, err := netip.ParseAddr(entry)
			if err != nil || address.Zone() != "" {
				return errNetworks
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		if network.Addr().Is4In6() {
			return errNetworks
		}
		parsed = append(parsed, network.Masked())
	}
	*n = parsed
	return nil
}

// contain reports whether remoteAddr, in the form of http.Request, is in one of
// n.
func (n Networks) contain(remoteAddr string) bool {
	peer, err := netip.ParseAddrPort(remoteAddr)
	return err == nil && n.has(peer.Addr())
}

// ClientAddress returns the address that a request comes from, as the engine of
// New sees it: that of the peer, or, if the peer is within n, the last one of
// X-Forwarded-For that is not. It is invalid if the peer has none.
func (n Networks) ClientAddress(r *http.Request) netip.Addr {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	client := peer.Addr()
	if len(n) == 0 || !client.IsValid() || !n.has(client) {
		return client
	}
	way := strings.Split(r.Header.Get("X-Forwarded-For"), ",") // ends with the peer
	for _, hop := range slices.Backward(way) {
		address, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		if client = address; !n.has(address) {
			break
		}
	}
	return client
}

func (n Networks) has(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	for _, network := range n {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// way is the origin of a request according to a trusted peer.
type way struct {
	clients     string   // X-Forwarded-For, to be extended
	proto, host []string // nil unless they form a valid origin
}

func wayOf(h http.Header) (w way) {
	if values := h["X-Forwarded-For"]; len(values) > 0 {
		w.clients = strings.Join(values, ", ") + ", "
	}
	if values := h["X-Forwarded-Proto"]; len(values) == 1 && (values[0] == "http" || values[0] == "https") {
		w.proto = values
	}
	if values := h["X-Forwarded-Host"]; len(values) == 1 {
		if u, err := url.Parse("http://" + values[0]); err == nil && settings.IsOrigin(u) && u.Host == values[0] {
			w.host = values
		}
	}
	return w
}
