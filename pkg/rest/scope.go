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
// the feed need what the contract says. Routes outside /v1 are open. The use
// cases decide which resources there are for a caller.
func RequireScope(kind caller.Kind) gin.HandlerFunc {
	return func(c *gin.Context) {
		who := caller.From(c.Request.Context())
		var err error
		switch path := c.FullPath(); {
		case !strings.HasPrefix(path, "/v1/"):
			return
		case strings.HasPrefix(path, "/v1/events/"):
			if !who.MayFollow() {
				err = errNotFollowing
			}
		case strings.HasSuffix(path, "/events"):
			_, err = who.History(kind)
		case c.Request.Method == http.MethodGet, c.Request.Method == http.MethodHead:
			_, err = who.Read(kind)
		default:
			_, err = who.Write(kind)
		}
		if err != nil {
			httpserver.Fail(c, err)
		}
	}
}

var errNotFollowing = caller.ErrForbidden.Detailf("this operation needs the scope %s", caller.EventsRead)
