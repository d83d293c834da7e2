// Package edge is the outermost part of the gateway. It decides which service
// receives a request, and removes headers that a client must not set.
//
// The proxy is not built on httputil.ReverseProxy, which cannot send a request
// to a second address and takes a fifth more CPU for a request (45 µs against
// 37 µs with the same transport).
package edge

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
	"github.com/concha-labs/backend/pkg/settings"
)

// The maximum size of a request's body, in bytes. Services have lower limits of
// their own.
const maxBody = rest.MaxUpload

var (
	errTooLarge = httpserver.ErrTooLarge.Detailf("a body has at most %d bytes", maxBody)
	errMethod   = httpserver.ErrMalformed.Detailf("the method is no token")
)

// New returns an engine that passes /v1/accounts, /v1/audios, :batch and
// :export of each, and /v1/events/{accounts,audios} to the two services. It
// answers /ping, /problems/, /livez and /readyz itself. It is ready when both
// services are, at one address each.
//
// Its middleware also applies to routes that are added later. It limits the
// body to 6 MiB and removes headers that clients must not set:
//   - Services receive publicURL in X-Forwarded-Host and -Proto or, if that is
//     "", the origin that the client used.
//   - They receive the address of the client in X-Forwarded-For.
//   - The values of a peer within trusted are kept, unless publicURL overrides
//     them, and its address is appended.
//
// Unless an answer has its own Cache-Control, only its client may store it, and
// must revalidate it each time.
func New(publicURL settings.Origin, accounts, audios http.Handler, trusted ...netip.Prefix) *gin.Engine {
	e := httpserver.NewEngine()
	e.Use(httpserver.Observe("gateway"), forward(publicURL, trusted), limitBody, limitCaching, limitBrowsers)
	services := map[string]http.Handler{"accounts": accounts, "audios": audios}
	for name, service := range services {
		pass := func(c *gin.Context) { service.ServeHTTP(c.Writer, c.Request) }
		e.Any("/v1/"+name, pass)
		e.Any("/v1/"+name+"/*path", pass)
		e.Any("/v1/"+name+`\:batch`, pass)
		e.Any("/v1/"+name+`\:export`, seesTheEnd, pass)
		e.Any("/v1/events/"+name, pass)
	}
	e.NoMethod(func(c *gin.Context) {
		if _, err := http.NewRequestWithContext(c.Request.Context(), c.Request.Method, "/", http.NoBody); err != nil {
			c.Writer.Header().Del("Allow")
			httpserver.Fail(c, errMethod.Wrap(err))
			return
		}
		for name, service := range services {
			if path := c.Request.URL.EscapedPath(); strings.HasPrefix(path, "/v1/"+name) || strings.HasPrefix(path, "/v1/events/"+name) {
				// The service reports the methods of a route that Any does not
				// know.
				c.Writer.Header().Del("Allow")
				c.Status(http.StatusOK)
				service.ServeHTTP(c.Writer, c.Request)
				return
			}
		}
		httpserver.Fail(c, httpserver.ErrMethodNotAllowed)
	})
	ping := func(c *gin.Context) { c.String(http.StatusOK, "running") }
	httpserver.Get(e, "/ping", ping)
	httpserver.Get(e, "/ping/", ping)
	httpserver.Get(e, "/v1/caller", getCaller)
	registerProblems(e)
	httpserver.HealthWithin(e, readyTimeout, map[string]func(context.Context) error{
		"accounts": readiness(accounts),
		"audios":   readiness(audios),
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

// forward removes the headers for this hop, and replaces those about the origin
// of the request unless it comes from a trusted peer.
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
		c.Header("Connection", "close") // instead of reading it
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
