// Package edge is the outermost part of the gateway. It decides which service
// receives a request, and removes headers that a client must not set.
//
// The proxy is not built on httputil.ReverseProxy, which cannot send a request
// to a second address and takes a tenth more CPU for a request (BenchmarkProxy).
package edge

import (
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
	"github.com/concha-labs/backend/pkg/settings"
	"github.com/concha-labs/backend/services/gateway/internal/operations"
)

// The maximum size of a request's body, in bytes. Services have lower limits of
// their own.
const maxBody = rest.MaxUpload

var (
	errTooLarge = httpserver.ErrTooLarge.Detailf("a body has at most %d bytes", maxBody)
	errMethod   = httpserver.ErrMalformed.Detailf("the method is not a valid token")
)

// Config is what an engine passes requests to, and how.
type Config struct {
	PublicURL        settings.Origin // "": services receive the origin that the client used
	Accounts, Audios http.Handler    // the services
	Trusted          Networks        // of peers whose X-Forwarded headers are kept
	Middleware       []gin.HandlerFunc
}

// New returns an engine that passes the operations of the contract on accounts,
// audios and their feeds to the two services. It answers /ping, /v1/caller,
// /problems/, /livez and /readyz itself. It is ready when both services are, at
// one address each.
//
// Its middleware also applies to routes that are added later. It removes headers
// that clients must not set, runs cfg.Middleware, and limits the body to 6 MiB:
//   - Services receive cfg.PublicURL in X-Forwarded-Host and -Proto or, if that is
//     "", the origin that the client used.
//   - They receive the address of the client in X-Forwarded-For.
//   - The values of a peer within cfg.Trusted are kept, unless cfg.PublicURL
//     overrides them, and its address is appended.
//
// Unless an answer has its own Cache-Control, only its client may store it, and
// must revalidate it each time.
func New(cfg Config) *gin.Engine {
	e := httpserver.NewEngine()
	e.Use(httpserver.Observe("gateway"), forward(cfg.PublicURL, cfg.Trusted), limitBrowsers)
	e.Use(cfg.Middleware...)
	e.Use(limitBody, limitCaching)
	for _, op := range operations.All {
		service := serviceOf(op.Path, cfg.Accounts, cfg.Audios)
		if service == nil {
			continue
		}
		pass := func(c *gin.Context) { service.ServeHTTP(c.Writer, c.Request) }
		handlers := []gin.HandlerFunc{pass}
		if strings.HasSuffix(op.Path, ":export") {
			handlers = []gin.HandlerFunc{seesTheEnd, pass}
		}
		e.Handle(op.Method, op.Template(), handlers...)
		if op.Method == http.MethodGet {
			e.HEAD(op.Template(), handlers...)
		}
	}
	e.NoMethod(func(c *gin.Context) {
		if _, err := http.NewRequestWithContext(c.Request.Context(), c.Request.Method, "/", http.NoBody); err != nil {
			c.Writer.Header().Del("Allow")
			httpserver.Fail(c, errMethod.Wrap(err))
			return
		}
		httpserver.Fail(c, httpserver.ErrMethodNotAllowed)
	})
	ping := func(c *gin.Context) { c.String(http.StatusOK, "running") }
	httpserver.Get(e, "/ping", ping)
	httpserver.Get(e, "/ping/", ping)
	httpserver.Get(e, "/v1/caller", getCaller)
	registerProblems(e)
	httpserver.HealthWithin(e, readyTimeout, map[string]func(context.Context) error{
		"accounts": readiness(cfg.Accounts),
		"audios":   readiness(cfg.Audios),
	})
	return e
}

// seesTheEnd refuses an export if the client could not detect that it is
// incomplete. The service cannot: it sees the protocol of the gateway.
func seesTheEnd(c *gin.Context) {
	if err := rest.CheckLines(c.Request); err != nil {
		httpserver.Fail(c, err)
	}
}

// serviceOf returns the service that serves a path of the contract, or nil if
// the gateway does itself.
func serviceOf(path string, accounts, audios http.Handler) http.Handler {
	rest, ok := strings.CutPrefix(path, "/v1/")
	if !ok {
		return nil
	}
	rest = strings.TrimPrefix(rest, "events/")
	switch collection := rest[:strings.IndexAny(rest+"/", "/:")]; collection {
	case "accounts":
		return accounts
	case "audios":
		return audios
	}
	return nil
}

// forward removes the headers for this hop and those by which services know the
// gateway, and replaces those about the origin of the request unless it comes
// from a trusted peer.
func forward(publicURL settings.Origin, trusted Networks) gin.HandlerFunc {
	scheme, name, _ := strings.Cut(string(publicURL), "://")
	proto, host := []string{scheme}, []string{name}
	plain, secure := []string{"http"}, []string{"https"}
	return func(c *gin.Context) {
		h := c.Request.Header
		var told way
		if len(trusted) > 0 && trusted.contain(c.Request.RemoteAddr) {
			told = wayOf(h)
		}
		if connection, ok := h["Connection"]; ok {
			removeNominated(h, connection)
		}
		for name := range h {
			switch {
			case isOfOneHop(name), strings.HasPrefix(name, "X-Forwarded-"), name == "Forwarded", name == "X-Real-Ip",
				name == "Concha-Caller", name == "X-Serverless-Authorization",
				name == "Expect": // this process has answered it
				delete(h, name)
			}
		}
		if client, _, err := net.SplitHostPort(c.Request.RemoteAddr); err == nil {
			h["X-Forwarded-For"] = []string{told.clients + client}
		}
		switch {
		case publicURL != "":
			h["X-Forwarded-Proto"], h["X-Forwarded-Host"] = proto, host
			return
		case told.proto != nil:
			h["X-Forwarded-Proto"] = told.proto
		case c.Request.TLS != nil:
			h["X-Forwarded-Proto"] = secure
		default:
			h["X-Forwarded-Proto"] = plain
		}
		if h["X-Forwarded-Host"] = told.host; told.host == nil {
			h["X-Forwarded-Host"] = []string{c.Request.Host}
		}
	}
}

// limitBody refuses a body whose length exceeds the limit before any of it is
// read.
func limitBody(c *gin.Context) {
	switch r := c.Request; {
	case r.ContentLength > maxBody:
		httpserver.CloseUnread(c.Writer.Header(), r)
		httpserver.Fail(c, errTooLarge)
	case r.ContentLength < 0:
		r.Body = http.MaxBytesReader(c.Writer, r.Body, maxBody)
	}
}

var revalidated = []string{"private, no-cache"}

// What browsers may do with an answer that is no page: nothing runs or is framed,
// no other site uses it unless CORS allows that, and its address is not passed on.
// Pages replace the policy by their own.
var (
	contentPolicy  = []string{"default-src 'none'; frame-ancestors 'none'"}
	resourcePolicy = []string{"same-origin"}
	referrerPolicy = []string{"no-referrer"}
)

func limitBrowsers(c *gin.Context) {
	h := c.Writer.Header()
	h["Content-Security-Policy"] = contentPolicy
	h["Cross-Origin-Resource-Policy"] = resourcePolicy
	h["Referrer-Policy"] = referrerPolicy
}

func limitCaching(c *gin.Context) {
	if c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
		c.Writer.Header()["Cache-Control"] = revalidated
	}
}
