package access

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/settings"
)

var (
	deny      = []string{"DENY"}
	hsts      = []string{"max-age=31536000"}
	origin    = []string{"Origin"}
	yes       = []string{"true"}
	everyone  = []string{anyOrigin}
	exposed   = []string{"ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, Concha-Feed-Cursor, X-Request-Id, X-Truncated"}
	methods   = []string{"GET, HEAD, POST, PUT, PATCH, DELETE"}
	requested = []string{"Authorization, Content-Type, Accept, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range, Range, Idempotency-Key, Last-Event-ID, X-Request-Id, Traceparent"}
	maxAge    = []string{"7200"}
	anySite   = []string{"cross-origin"}
)

// browsers returns the middleware that tells browsers how to treat an answer
// and which pages may read it. Preflight requests are answered here, as they
// carry no credentials.
func browsers(origins Origins) gin.HandlerFunc {
	all := slices.Contains(origins, anyOrigin)
	return func(c *gin.Context) {
		header := c.Writer.Header()
		header["X-Frame-Options"] = deny
		if proto := c.Request.Header["X-Forwarded-Proto"]; len(proto) == 1 && proto[0] == "https" {
			header["Strict-Transport-Security"] = hsts
		}
		if len(origins) == 0 {
			return
		}
		if !all {
			header["Vary"] = append(header["Vary"], origin...)
		}
		from := c.Request.Header["Origin"]
		// A page shows an image without an Origin header.
		if all || slices.Contains(origins, pageOf(c.Request.Header)) {
			header["Cross-Origin-Resource-Policy"] = anySite
		}
		switch {
		case len(from) != 1:
			return
		case all:
			header["Access-Control-Allow-Origin"] = everyone
		case slices.Contains(origins, from[0]):
			header["Access-Control-Allow-Origin"] = from
			header["Access-Control-Allow-Credentials"] = yes
		default:
			return
		}
		if c.Request.Method == http.MethodOptions && c.Request.Header["Access-Control-Request-Method"] != nil {
			header["Access-Control-Allow-Methods"] = methods
			header["Access-Control-Allow-Headers"] = requested
			header["Access-Control-Max-Age"] = maxAge
			c.AbortWithStatus(http.StatusNoContent)
			return
		}
		header["Access-Control-Expose-Headers"] = exposed
	}
}

// pageOf returns the origin of the page that sent a request, or "".
func pageOf(h http.Header) string {
	if origin := h.Get("Origin"); origin != "" {
		return origin
	}
	page, err := url.Parse(h.Get("Referer"))
	if err != nil || page.Host == "" {
		return ""
	}
	return page.Scheme + "://" + page.Host
}

var errOtherSite = caller.ErrForbidden.Detailf("a page of another site must not change anything; CONCHA_CORS_ORIGINS lists the origins whose pages may")

// sameSite returns the middleware that refuses changes that a page sends, unless
// it is of the API's own origin or of one of origins. Forms need no permission of
// CORS, and browsers send the credentials of HTTP Basic by themselves: any
// origin may send changes only without them.
func sameSite(origins Origins, public settings.Origin) gin.HandlerFunc {
	all := slices.Contains(origins, anyOrigin)
	protection := http.NewCrossOriginProtection()
	for _, origin := range append(slices.Clone(origins), string(public)) {
		_ = protection.AddTrustedOrigin(origin) // fails for "" and for any origin; settings.Origin is valid
	}
	return func(c *gin.Context) {
		if _, _, basic := c.Request.BasicAuth(); all && !basic {
			return
		}
		if err := protection.Check(c.Request); err != nil {
			counters[forbidden].Inc()
			httpserver.Fail(c, errOtherSite.Wrap(err))
		}
	}
}
