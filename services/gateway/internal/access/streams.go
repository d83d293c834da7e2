package access

import (
	"context"
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
		if c.Request.ProtoMajor == 1 { // the connection may be the last one that is left
			c.Header("Connection", "close")
		}
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
	ctx, answered := context.WithCancel(c.Request.Context())
	defer answered()
	credentials := c.Request.Header["Authorization"] // the header itself is changed on its way to the service
	ending := make(chan struct{})
	go func() {
		defer close(ending)
		g.awaitEnd(ctx, who, credentials)
	}()
	c.Request = c.Request.WithContext(httpserver.WithStopping(ctx, ending))
	c.Next()
}

// awaitEnd returns when credentials end that who was identified by, or when ctx
// or the process ends. Credentials that are gone are judged again: they are
// still valid if, for example, an issuer withdrew the key of other tokens.
func (g *Guard) awaitEnd(ctx context.Context, who *identity, credentials []string) {
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
	for {
		select {
		case <-who.gone:
		case <-expired:
			return
		case <-httpserver.Stopping(ctx):
			return
		case <-ctx.Done():
			return
		}
		again, err := g.identify(ctx, credentials)
		if err != nil || again.caller != who.caller || !again.expires.Equal(who.expires) {
			return
		}
		who = again
	}
}
