package access

import (
	"math"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/concha-labs/backend/pkg/apikey"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/shardlru"
)

const (
	// burst is how many seconds' worth of requests may come at once.
	burst = 2
	// refusedRate limits the refused credentials of an address.
	refusedRate apikey.Rate = 5
	// remembered is how many callers, and how many addresses, have a state. What
	// is forgotten begins anew with a full burst.
	remembered = 32 << 10

	maxStreamsOfCaller = 32
)

// maxStreams is how many streams and long polls the process has at once. They leave
// a quarter of its connections to other requests.
var maxStreams = min(4000, httpserver.MaxConnections()*3/4)

var errStreams = httpserver.ErrUnavailable.Detailf("too many streams and long polls are open: end some, or try again")

// account is what is known of the use that a caller, or an address, makes of
// the process.
type account struct {
	limiter *rate.Limiter
	policy  atomic.Pointer[[]string] // the header RateLimit-Policy
	name    string                   // of the policy, quoted
	streams atomic.Int32
}

func newAccount(name string, r apikey.Rate) *account {
	a := &account{limiter: rate.NewLimiter(rate.Limit(r), quota(r)), name: strconv.Quote(name)}
	a.describe(r)
	return a
}

// another returns a new account with the name and the rate of a.
func (a *account) another() *account {
	b := &account{limiter: rate.NewLimiter(a.limiter.Limit(), a.limiter.Burst()), name: a.name}
	b.policy.Store(a.policy.Load()) // shared
	return b
}

// quota returns how many requests may come at once.
func quota(r apikey.Rate) int { return max(int(math.Round(burst*float64(r))), 1) }

func (a *account) setRate(r apikey.Rate) {
	if a.limiter.Limit() == rate.Limit(r) {
		return
	}
	a.limiter.SetLimit(rate.Limit(r))
	a.limiter.SetBurst(quota(r))
	a.describe(r)
}

func (a *account) describe(r apikey.Rate) {
	window := max(int(math.Ceil(float64(quota(r))/float64(r))), 1)
	a.policy.Store(&[]string{a.name + ";q=" + strconv.Itoa(quota(r)) + ";w=" + strconv.Itoa(window)})
}

// take takes cost from what is left, or, if that is too little, reports after
// how long it is enough. A cost above the burst takes the whole burst.
func (a *account) take(cost int, now time.Time) (ok bool, wait time.Duration) {
	cost = min(cost, a.limiter.Burst())
	if a.limiter.AllowN(now, cost) {
		return true, 0
	}
	return false, a.after(float64(cost), now)
}

// owe takes cost whether or not it is left: the requests that follow wait for
// it.
func (a *account) owe(cost int, now time.Time) {
	for cost > 0 {
		part := min(cost, a.limiter.Burst())
		a.limiter.ReserveN(now, part)
		cost -= part
	}
}

// after returns when so many requests are left.
func (a *account) after(requests float64, now time.Time) time.Duration {
	missing := requests - a.limiter.TokensAt(now)
	return time.Duration(max(missing, 0) / float64(a.limiter.Limit()) * float64(time.Second))
}

// limit returns the header RateLimit: what is left and the seconds until all is
// available again.
func (a *account) limit(now time.Time) string {
	left := max(a.limiter.TokensAt(now), 0)
	full := math.Ceil((float64(a.limiter.Burst()) - left) / float64(a.limiter.Limit()))
	text := make([]byte, 0, 40)
	text = append(append(text, a.name...), ";r="...)
	text = strconv.AppendInt(text, int64(left), 10)
	text = append(text, ";t="...)
	return string(strconv.AppendInt(text, int64(full), 10))
}

// inUse reports whether a new account in its place would differ.
func (a *account) inUse(now time.Time) bool {
	return a.streams.Load() > 0 || a.limiter.TokensAt(now) < float64(a.limiter.Burst())
}

// accounts are those of the callers that are known by their credentials.
type accounts struct {
	rate apikey.Rate
	byID *shardlru.Cache[string, *account]
}

func newAccounts(r apikey.Rate) *accounts {
	return &accounts{r, shardlru.New[string, *account](remembered)}
}

func (a *accounts) of(id string) *account { return a.at(id, a.rate) }

// at returns the account of a caller, which has the limit r if it is new.
func (a *accounts) at(id string, r apikey.Rate) *account {
	return a.byID.GetOrAdd(id, func() *account { return newAccount("caller", r) })
}

// network returns what an address counts as: itself, or, as a site has as many
// IPv6 addresses as it likes, its /64.
func network(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if address.Is6() {
		if prefix, err := address.Prefix(64); err == nil {
			return prefix.Addr()
		}
	}
	return address
}
