// Package httpapi serves the audios part of the v1 API.
package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/feed"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

type api struct {
	service        *app.Service
	feed           *feed.Feed
	requireIfMatch bool
	batches        *rest.Flights
}

// New returns the handler of all routes of the service. checks are the
// conditions of readiness, by name. If requireIfMatch is true, changes of an
// existing resource require If-Match.
func New(service *app.Service, changes *feed.Feed, checks map[string]func(context.Context) error, requireIfMatch bool) http.Handler {
	a := api{service, changes, requireIfMatch, new(rest.Flights)}
	e := httpserver.NewEngine()
	e.Use(httpserver.Observe("audios"), rest.RequireScope(caller.Audios))
	httpserver.Health(e, checks, httpserver.ReadyPath)

	handle := httpserver.Handle
	none, content := rest.Takes(), rest.Takes("v")
	e.POST("/v1/audios", handle(a.create))
	httpserver.Get(e, "/v1/audios", handle(a.list))
	e.POST(`/v1/audios\:batch`, none, handle(a.createAll))
	httpserver.Get(e, `/v1/audios\:export`, handle(a.export))
	httpserver.Get(e, "/v1/audios/:session_id", none, handle(a.get))
	e.PUT("/v1/audios/:session_id", handle(a.replace))
	e.PATCH("/v1/audios/:session_id", none, handle(a.patch))
	e.DELETE("/v1/audios/:session_id", handle(a.remove))

	httpserver.Get(e, "/v1/audios/:session_id/file", content, handle(a.getFile))

	httpserver.Get(e, "/v1/events/audios", handle(a.feed.Get))
	httpserver.Get(e, "/v1/audios/:session_id/events", handle(a.history))
	return e
}

// history answers with the events of one audio, even after it was deleted.
func (a api) history(c *gin.Context) error {
	id, err := sessionID(c)
	if err != nil {
		return err
	}
	return a.feed.History(c, caller.Audios, app.Subject(id), func(ctx context.Context) error { return a.service.Exists(ctx, id) })
}

// sessionID reads the id in the path. A malformed id is answered like one of no
// session.
func sessionID(c *gin.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("session_id"), 10, 64)
	if err != nil || id < 0 || id > domain.MaxID || strconv.FormatInt(id, 10) != c.Param("session_id") {
		return 0, domain.ErrNotFound
	}
	return id, nil
}
