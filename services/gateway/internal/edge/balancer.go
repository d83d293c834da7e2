package edge

import (
	"errors"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/concha-labs/backend/pkg/settings"
)

// ejection is how long an address that failed is left out.
const ejection = 5 * time.Second

// Addresses are the origins at which one service runs.
type Addresses []url.URL

var errAddresses = errors.New("must be a comma-separated list of addresses such as http://accounts:8080, without a path")

// UnmarshalText parses a comma-separated list of one or more addresses, each a
// scheme (http or https) and a host.
func (a *Addresses) UnmarshalText(text []byte) error {
	var parsed Addresses
	for entry := range strings.SplitSeq(string(text), ",") {
		u, err := url.Parse(strings.TrimSpace(entry))
		if err != nil || !settings.IsOrigin(u) {
			return errAddresses
		}
		parsed = append(parsed, *u)
	}
	*a = parsed
	return nil
}

// balancer lets the addresses of a service take turns.
type balancer struct {
	addresses []*address
	turn      atomic.Uint64
}

type address struct {
	scheme, host string
	// ejectedUntil is the time, in Unix nanoseconds, until which the address
	// comes last.
	ejectedUntil atomic.Int64
}

func newBalancer(addresses Addresses) *balancer {
	b := &balancer{addresses: make([]*address, len(addresses))}
	for i, u := range addresses {
		b.addresses[i] = &address{scheme: u.Scheme, host: u.Host}
	}
	return b
}

// order returns all addresses in the order in which the next request tries
// them: those that are ejected last.
func (b *balancer) order() []*address {
	if len(b.addresses) == 1 {
		return b.addresses
	}
	first := int(b.turn.Add(1) % uint64(len(b.addresses)))
	order := make([]*address, 0, len(b.addresses))
	var ejected []*address
	for i := range b.addresses {
		a := b.addresses[(first+i)%len(b.addresses)]
		if until := a.ejectedUntil.Load(); until != 0 && time.Now().UnixNano() < until {
			ejected = append(ejected, a)
		} else {
			order = append(order, a)
		}
	}
	return append(order, ejected...)
}

// eject puts a last for a while.
func (a *address) eject() {
	a.ejectedUntil.Store(time.Now().Add(ejection).UnixNano())
}
