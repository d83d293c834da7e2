package rest

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/httpserver"
)

// RequireScope returns the middleware by which a service checks the scopes of
// its callers itself: reading a kind of resources, changing it, a history, and
// the feed need what the contract says. Routes outside /v1 are open. A caller
// that may use only its own resources is refused, as resources have no owner.
func RequireScope(kind caller.Kind) gin.HandlerFunc {
	return func(c *gin.Context) {
		who := caller.From(c.Request.Context())
		var reach caller.Reach
		var err error
		switch path := c.FullPath(); {
		case !strings.HasPrefix(path, "/v1/"):
			return
		case strings.HasPrefix(path, "/v1/events/"):
			if reach = caller.Everything(); !who.MayFollow() {
				err = errNotFollowing
			}
		case strings.HasSuffix(path, "/events"):
			reach, err = who.History(kind)
		case c.Request.Method == http.MethodGet, c.Request.Method == http.MethodHead:
			reach, err = who.Read(kind)
		default:
			reach, err = who.Write(kind)
		}
		if _, restricted := reach.Owner(); restricted && err == nil {
			err = errOwn
		}
		if err != nil {
			httpserver.Fail(c, err)
		}
	}
}

var (
	errNotFollowing = caller.ErrForbidden.Detailf("this operation needs the scope %s", caller.EventsRead)
	errOwn          = caller.ErrForbidden.Detailf("a caller with an own scope alone may not use this operation yet")
)
