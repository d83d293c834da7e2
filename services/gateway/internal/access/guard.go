package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/gateway/internal/operations"
)

// Guard enforces a Config. It is safe for concurrent use.
type Guard struct {
	cfg       Config
	rules     map[route]*rule
	client    func(*http.Request) netip.Addr
	keys      *keyring
	tokens    *tokens
	issuers   []*issuer
	anonymous *addresses
	refused   *addresses
	streams   atomic.Int64
	public    settings.Origin
}

// New returns a Guard for the operations of the contract. public is the origin
// under which clients use the API, "" if it is not known. client returns the
// address that a request comes from. The keys of issuers are fetched by Run.
// Errors: the file of API keys cannot be read or is broken.
func New(cfg Config, public settings.Origin, client func(*http.Request) netip.Addr, log *zap.Logger) (*Guard, error) {
	callers := newAccounts(cfg.RateLimit)
	keys, err := newKeyring(cfg.KeysFile, callers, log)
	if err != nil {
		return nil, fmt.Errorf("read CONCHA_API_KEYS_FILE: %w", err)
	}
	g := &Guard{
		cfg: cfg, public: public, rules: rules(), client: client, keys: keys,
		anonymous: newAddresses(cfg.AnonymousRateLimit), refused: newAddresses(refusedRate),
	}
	for _, address := range cfg.Issuers {
		g.issuers = append(g.issuers, newIssuer(address, log))
	}
	g.tokens = newTokens(cfg, g.issuers, callers)
	return g, nil
}

// Run keeps the API keys and the issuers' keys up to date until ctx ends.
func (g *Guard) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { g.keys.watch(ctx) })
	for _, i := range g.issuers {
		running.Go(func() { i.run(ctx) })
	}
	running.Wait()
}

// Handlers returns the middleware: it belongs behind the one that removes what
// a client must not say, and before all routes.
func (g *Guard) Handlers() []gin.HandlerFunc {
	return []gin.HandlerFunc{browsers(g.cfg.CORSOrigins), sameSite(g.cfg.CORSOrigins, g.public), g.check}
}

type route struct{ method, template string }

// rule is what an operation asks of a request.
type rule struct {
	operations.Operation

	isClassic, isFeed, isBatch bool
	cost                       int
}

// costs are those of the operations that are more work than one request.
var costs = map[string]int{
	"putImage": 10, "classicUploadImage": 10, "classicUploadImageDashed": 10,
	"exportAccounts": 50, "exportAudios": 50,
}

const (
	totalCost = 5   // of include_total, beside the request
	batchUnit = 100 // items of a batch that count as one request
)

// rules returns those of the operations, by their routes.
func rules() map[route]*rule {
	all := map[route]*rule{}
	for _, op := range operations.All {
		r := &rule{
			Operation: op, cost: max(costs[op.ID], 1),
			isClassic: !strings.HasPrefix(op.Path, "/v1/"),
			isFeed:    strings.HasPrefix(op.Path, "/v1/events/"),
			isBatch:   strings.HasSuffix(op.Path, ":batch"),
		}
		template := strings.ReplaceAll(op.Template(), `\:`, ":") // as gin names a route while it serves
		for _, template := range []string{template, template + "/"} {
			all[route{op.Method, template}] = r
			if op.Method == http.MethodGet {
				all[route{http.MethodHead, template}] = r
			}
		}
	}
	return all
}

// openPaths are open to everybody, with all that is below them, beside the
// operations that the contract has without scopes.
var openPaths = []string{"/docs", "/problems", "/schemas", "/console"}

func isOpen(template string) bool {
	for _, path := range openPaths {
		if rest, ok := strings.CutPrefix(template, path); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return template == "/"
}

// errNoRule denies a route that nobody has said who may use.
var errNoRule = caller.ErrForbidden.Detailf("this route is not open to anybody")

var (
	bearer        = []string{"Bearer"}
	authorization = []string{"Authorization"}
)

// check lets a request through, with its caller in the context, or answers it.
func (g *Guard) check(c *gin.Context) {
	template := c.FullPath()
	if template == "" { // no route: an answer of 404 or 405 says nothing that is not in the contract
		return
	}
	rule := g.rules[route{c.Request.Method, template}]
	switch {
	case rule == nil && isOpen(template), rule != nil && len(rule.Scopes) == 0:
		return
	case rule == nil:
		g.refuse(c, forbidden, errNoRule)
		return
	case g.cfg.Mode == Required:
		if !g.admit(c, rule) {
			return
		}
	default:
		if err := g.cfg.Hosts.check(c.Request.Host); err != nil {
			g.refuse(c, forbidden, err)
			return
		}
	}
	if rule.isFeed && isLong(c.Request) {
		g.follow(c)
	}
}

// admit identifies the caller, takes the request from its limit, and judges its
// scopes.
func (g *Guard) admit(c *gin.Context, rule *rule) bool {
	header := c.Writer.Header()
	header["Vary"] = append(header["Vary"], authorization...)
	who, err := g.identify(c.Request.Context(), c.Request.Header["Authorization"])
	if err != nil {
		g.refuseCredentials(c, err)
		return false
	}
	identified := who != nil
	if !identified {
		who = g.nobody(c.Request, rule)
	}
	httpserver.NoteCaller(c.Writer, who.logged)
	if !g.take(c, who.account, rule) {
		return false
	}
	switch {
	case rule.Allows(who.caller.Scopes):
	case identified:
		g.refuse(c, forbidden, caller.ErrForbidden.Detailf("this operation needs the scope %s", alternatives(rule)))
		return false
	default:
		header["Www-Authenticate"] = bearer
		g.refuse(c, unauthenticated, errMissing)
		return false
	}
	counters[allowed].Inc()
	ctx := caller.With(c.Request.Context(), &who.caller)
	if rule.isFeed {
		ctx = context.WithValue(ctx, identityKey{}, who)
	}
	c.Request = c.Request.WithContext(ctx)
	if rule.isBatch {
		g.chargeItems(c, who.account)
	}
	return true
}

type identityKey struct{}

// nobody is the identity of requests without credentials.
func (g *Guard) nobody(r *http.Request, rule *rule) *identity {
	scopes := g.cfg.AnonymousScopes
	if rule.isClassic {
		scopes |= g.cfg.ClassicScopes
	}
	return &identity{caller: caller.Caller{Scopes: scopes &^ caller.OwnScopes}, account: g.anonymous.of(network(g.client(r)))}
}

// alternatives names the scopes of which a caller needs one.
func alternatives(rule *rule) string {
	names := make([]string, len(rule.Scopes))
	for i, scopes := range rule.Scopes {
		names[i] = scopes.String()
	}
	return strings.Join(names, " or ")
}

// take takes the cost of the request from the caller's limit, which the answer
// describes.
func (g *Guard) take(c *gin.Context, a *account, rule *rule) bool {
	cost := rule.cost
	if c.Request.URL.RawQuery != "" && c.Query("include_total") == "true" {
		cost += totalCost
	}
	now, header := time.Now(), c.Writer.Header()
	ok, wait := a.take(cost, now)
	header["Ratelimit-Policy"] = *a.policy.Load()
	header["Ratelimit"] = []string{a.limit(now)}
	if !ok {
		g.limit(c, wait)
	}
	return ok
}

// limit answers a request that is over a limit for so long.
func (g *Guard) limit(c *gin.Context, wait time.Duration) {
	seconds := max(int((wait+time.Second-1)/time.Second), 1)
	c.Header("Retry-After", strconv.Itoa(seconds))
	g.refuse(c, limited, httpserver.ErrRateLimited.Detailf("the caller has sent too many requests: go on in %d s", seconds))
}

func (g *Guard) refuseCredentials(c *gin.Context, err error) {
	if errors.Is(err, errNoKeys) {
		g.refuse(c, unknown, err)
		return
	}
	refused := g.refused.of(network(g.client(c.Request)))
	if ok, wait := refused.take(1, time.Now()); !ok {
		g.limit(c, wait)
		return
	}
	c.Writer.Header()["Www-Authenticate"] = bearer
	g.refuse(c, unauthenticated, err)
}

func (g *Guard) refuse(c *gin.Context, o outcome, err error) {
	counters[o].Inc()
	httpserver.Fail(c, err)
}

// chargeItems has the caller pay for the items of a batch once they are read.
func (g *Guard) chargeItems(c *gin.Context, a *account) {
	items := &itemCounter{ReadCloser: c.Request.Body, lines: rest.MediaType(c.Request) == "application/x-ndjson"}
	c.Request.Body = items
	c.Next()
	a.owe((items.count()-1)/batchUnit, time.Now())
}
