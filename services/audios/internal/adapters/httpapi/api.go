// Package httpapi serves the audios part of the v1 API.
package httpapi

import (
	"context"
	"net/http"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/feed"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
	"github.com/concha-labs/backend/services/audios/internal/app"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

// resource has the handlers that audios share with other resources.
type resource = rest.Resource[domain.Audio, events.Audio, app.Query, *app.Query]

type api struct {
	resource
	service *app.Service
}

// New returns the handler of all routes of the service. checks are the
// conditions of readiness, by name. If requireIfMatch is true, changes of an
// existing resource require If-Match.
func New(service *app.Service, changes *feed.Feed, checks map[string]func(context.Context) error, requireIfMatch bool) http.Handler {
	a := &api{resource{
		Service: service, Feed: changes, Scopes: caller.Audios, Type: "audios", ID: "session_id", MaxID: domain.MaxID, Missing: domain.ErrNotFound,
		RequireIfMatch: requireIfMatch, Filters: fromFilters, Body: toAudio,
	}, service}
	e := httpserver.NewEngine()
	e.Use(httpserver.Observe("audios"), rest.RequireScope(caller.Audios))
	httpserver.Health(e, checks, httpserver.ReadyPath)

	handle := httpserver.Handle
	none, content := rest.Takes(), rest.Takes("v")
	e.POST("/v1/audios", handle(a.create))
	httpserver.Get(e, "/v1/audios", handle(a.List))
	e.POST(`/v1/audios\:batch`, none, handle(rest.Batch(&a.resource, fromItem, service.CreateAll)))
	httpserver.Get(e, `/v1/audios\:export`, handle(a.Export))
	httpserver.Get(e, "/v1/audios/:session_id", none, handle(a.Get))
	e.PUT("/v1/audios/:session_id", handle(a.replace))
	e.PATCH("/v1/audios/:session_id", none, handle(rest.Change(&a.resource, fromPatch, service.Patch)))
	e.DELETE("/v1/audios/:session_id", handle(a.Remove))

	httpserver.Get(e, "/v1/audios/:session_id/file", content, handle(a.getFile))

	httpserver.Get(e, "/v1/events/audios", handle(changes.Get))
	httpserver.Get(e, "/v1/audios/:session_id/events", handle(a.History))
	return e
}
