package access

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
)

// isLong reports whether the answer to a request for a feed may take long: a
// stream, or a long poll. It holds for every request that the feed takes for
// one, however it is written.
func isLong(r *http.Request) bool {
	accept := strings.ToLower(strings.Join(r.Header["Accept"], ","))
	return strings.Contains(accept, "text/event-stream") || r.URL.Query().Has("wait")
}

// follow serves a request for a stream or a long poll. It bounds how many there
// are, and ends it when the caller's credentials end.
func (g *Guard) follow(c *gin.Context) {
	defer g.streams.Add(-1)
	if g.streams.Add(1) > maxStreams {
		g.refuse(c, crowded, errStreams)
		return
	}
	who, _ := c.Request.Context().Value(identityKey{}).(*identity)
	if who == nil { // without access control
		c.Next()
		return
	}
	defer who.account.streams.Add(-1)
	if who.account.streams.Add(1) > maxStreamsOfCaller {
		g.refuse(c, crowded, errStreams)
		return
	}
	ctx := c.Request.Context()
	ending, answered := make(chan struct{}), make(chan struct{})
	defer close(answered)
	go func() {
		var expired <-chan time.Time
		if !who.expires.IsZero() {
			end := time.Until(who.expires)
			if end <= 0 { // accepted, as clocks differ
				end += skew
			}
			timer := time.NewTimer(end)
			defer timer.Stop()
			expired = timer.C
		}
		select {
		case <-httpserver.Stopping(ctx):
		case <-who.gone:
		case <-expired:
		case <-answered:
			return
		}
		close(ending)
	}()
	c.Request = c.Request.WithContext(httpserver.WithStopping(ctx, ending))
	c.Next()
}
