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
	// firstEjection is how long a failed address is ejected. Each further
	// failure doubles the time, up to lastEjection.
	firstEjection = 5 * time.Second
	lastEjection  = time.Minute
	// trial is how long one trial request to an ejected address may take before
	// another one is allowed: the maximum wait for an answer.
	trial = connectTimeout + headerTimeout
)

// Addresses are the origins at which a service runs.
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

// balancer rotates through the addresses of a service.
type balancer struct {
	addresses []*address
	turn      atomic.Uint64
}

// address is one address of a service, and its state. An address that failed is
// ejected, and one that is about to stop rests: it comes last in every rotation.
// After its time is over, one request tries it, while it remains last for the
// others.
type address struct {
	scheme, host string
	ejections    prometheus.Counter

	answers atomic.Uint64
	suspect atomic.Bool // it failed or rests, and has not answered successfully since

	mu           sync.Mutex // guards the fields below
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
// them. The first fit of them are not ejected.
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

// tryOut reports whether this request should try a, which failed.
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

// eject puts a last for some time, because a request that began at began has
// failed. Requests that fail together count once.
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

// rest puts a last for the time of a first ejection, because it answered a request
// that began at began and asked for no more. That is no failure.
func (a *address) rest(began time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if began.Before(a.ejectedUntil) {
		return
	}
	a.ejectedUntil, a.triedUntil = time.Now().Add(firstEjection), time.Time{}
	a.suspect.Store(true)
}

// restore ends the ejection of a after a successful answer.
func (a *address) restore() {
	if !a.suspect.Load() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.suspect.Store(false)
	a.ejection, a.ejectedUntil, a.triedUntil = 0, time.Time{}, time.Time{}
}
