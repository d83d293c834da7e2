// Package httpapi serves the accounts part of the v1 API.
package httpapi

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/feed"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// resource has the handlers that accounts share with other resources.
type resource = rest.Resource[domain.Account, events.Account, app.Query, *app.Query]

type api struct {
	resource
	service *app.Service
}

// New returns the handler of all routes of the service. checks are the
// conditions of readiness, by name. If requireIfMatch is true, changes of an
// existing resource require If-Match.
func New(service *app.Service, changes *feed.Feed, checks map[string]func(context.Context) error, requireIfMatch bool) http.Handler {
	a := &api{resource{
		Service: service, Feed: changes, Scopes: caller.Accounts, Type: "accounts", ID: "id", MinID: 1, MaxID: domain.MaxID, Missing: domain.ErrNotFound,
		RequireIfMatch: requireIfMatch, Filters: fromFilters, Body: toAccount,
	}, service}
	e := httpserver.NewEngine()
	e.Use(httpserver.Observe("accounts"), rest.RequireScope(caller.Accounts))
	httpserver.Health(e, checks, httpserver.ReadyPath)

	handle := httpserver.Handle
	none, content := rest.Takes(), rest.Takes("v", "size")
	e.POST("/v1/accounts", none, handle(a.create))
	httpserver.Get(e, "/v1/accounts", handle(a.List))
	e.POST(`/v1/accounts\:batch`, none, handle(rest.Batch(&a.resource, fromItem, service.RegisterAll)))
	httpserver.Get(e, `/v1/accounts\:export`, handle(a.Export))
	httpserver.Get(e, "/v1/accounts/:id", none, handle(a.Get))
	e.PUT("/v1/accounts/:id", none, handle(rest.Change(&a.resource, fromBody, service.ChangeProfile)))
	e.PATCH("/v1/accounts/:id", none, handle(rest.Change(&a.resource, fromPatch, service.PatchProfile)))
	e.DELETE("/v1/accounts/:id", handle(a.Remove))

	e.PUT("/v1/accounts/:id/image", none, handle(a.putImage))
	httpserver.Get(e, "/v1/accounts/:id/image", content, handle(a.getImage))
	e.DELETE("/v1/accounts/:id/image", none, handle(a.removeImage))

	httpserver.Get(e, "/v1/events/accounts", handle(changes.Get))
	httpserver.Get(e, "/v1/accounts/:id/events", handle(a.History))
	return e
}

// imageCondition reads the conditions of a request that changes the image of an
// account. They may name the account's ETag, or the image's own. If-None-Match: *
// asks for there being no image.
func (a *api) imageCondition(c *gin.Context) (app.Condition, error) {
	cond, err := rest.WriteCondition(c, a.RequireIfMatch)
	return func(current domain.Account) error {
		etag := rest.ETag(current.Version)
		if current.Image == nil {
			return cond.RequireMissing(etag)
		}
		return cond.Require(etag, imageETag(*current.Image))
	}, err
}
