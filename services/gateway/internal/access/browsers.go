package access

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
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
