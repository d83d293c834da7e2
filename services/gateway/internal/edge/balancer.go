package edge

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/concha-labs/backend/pkg/settings"
)

const (
	// firstEjection is how long an address that failed is left out. Each failure
	// to come back doubles that, up to lastEjection.
	firstEjection = 5 * time.Second
	lastEjection  = time.Minute
	// trial is how long the one request that tries an address out may take
	// before another one may: as long as it can wait for an answer.
	trial = connectTimeout + headerTimeout
)

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

// address is one of a service's, and what is known of it. One that failed is
// ejected: it comes last, whatever its turn. Once that is over, it comes last
// still but for one request, which tries it out.
type address struct {
	scheme, host string
	ejections    prometheus.Counter

	answers atomic.Uint64
	suspect atomic.Bool // it failed, and has not answered well since

	mu           sync.Mutex // of the rest
	ejection     time.Duration
	ejectedUntil time.Time
	triedUntil   time.Time
}

func newBalancer(service string, addresses Addresses) *balancer {
	b := &balancer{addresses: make([]*address, len(addresses))}
	ejections := ejectionsTotal.WithLabelValues(service)
	for i, u := range addresses {
		b.addresses[i] = &address{scheme: u.Scheme, host: u.Host, ejections: ejections}
	}
	return b
}

// order returns all addresses in the order in which the next request tries
// them, and how many of them come before those that are to be left out.
func (b *balancer) order() (order []*address, fit int) {
	if len(b.addresses) == 1 {
		return b.addresses, 1
	}
	first := int(b.turn.Add(1) % uint64(len(b.addresses)))
	order = make([]*address, 0, len(b.addresses))
	var last []*address
	for i := range b.addresses {
		a := b.addresses[(first+i)%len(b.addresses)]
		if !a.suspect.Load() || i == 0 && a.tryOut() {
			order = append(order, a)
		} else {
			last = append(last, a)
		}
	}
	return append(order, last...), len(order)
}

// tryOut reports whether a, which failed, is to be tried by this request.
func (a *address) tryOut() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if now.Before(a.ejectedUntil) || now.Before(a.triedUntil) {
		return false
	}
	a.triedUntil = now.Add(trial)
	return true
}

// eject puts a last for a while, as a request to it failed that began then. Of
// requests that failed together, one counts.
func (a *address) eject(began time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if began.Before(a.ejectedUntil) {
		return
	}
	a.ejection = min(max(2*a.ejection, firstEjection), lastEjection)
	a.ejectedUntil, a.triedUntil = time.Now().Add(a.ejection), time.Time{}
	a.suspect.Store(true)
	a.ejections.Inc()
}

// restore gives a its turn again, as it answered well.
func (a *address) restore() {
	if !a.suspect.Load() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.suspect.Store(false)
	a.ejection, a.ejectedUntil, a.triedUntil = 0, time.Time{}, time.Time{}
}
