// Package httpapi serves the accounts part of the v1 API.
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
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
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
	e.Use(httpserver.Observe("accounts"), rest.RequireScope(caller.Accounts))
	httpserver.Health(e, checks, httpserver.ReadyPath)

	handle := httpserver.Handle
	none, content := rest.Takes(), rest.Takes("v", "size")
	e.POST("/v1/accounts", none, handle(a.create))
	httpserver.Get(e, "/v1/accounts", handle(a.list))
	e.POST(`/v1/accounts\:batch`, none, handle(a.createAll))
	httpserver.Get(e, `/v1/accounts\:export`, handle(a.export))
	httpserver.Get(e, "/v1/accounts/:id", none, handle(a.get))
	e.PUT("/v1/accounts/:id", none, handle(a.replace))
	e.PATCH("/v1/accounts/:id", none, handle(a.patch))
	e.DELETE("/v1/accounts/:id", handle(a.remove))

	e.PUT("/v1/accounts/:id/image", none, handle(a.putImage))
	httpserver.Get(e, "/v1/accounts/:id/image", content, handle(a.getImage))
	e.DELETE("/v1/accounts/:id/image", none, handle(a.removeImage))

	httpserver.Get(e, "/v1/events/accounts", handle(a.feed.Get))
	httpserver.Get(e, "/v1/accounts/:id/events", handle(a.history))
	return e
}

// history answers with the events of one account, even after it was deleted.
func (a api) history(c *gin.Context) error {
	id, err := accountID(c)
	if err != nil {
		return err
	}
	return a.feed.History(c, caller.Accounts, app.Subject(id), func(ctx context.Context) error { return a.service.Exists(ctx, id) })
}

// condition reads the conditions of a request that changes an account.
func (a api) condition(c *gin.Context) (app.Condition, error) {
	cond, err := rest.WriteCondition(c, a.requireIfMatch)
	return func(current domain.Account) error { return cond.Require(rest.ETag(current.Version)) }, err
}

// imageCondition reads the conditions of a request that changes the image of an
// account. They may name the account's ETag, or the image's own. If-None-Match: *
// asks for there being no image.
func (a api) imageCondition(c *gin.Context) (app.Condition, error) {
	cond, err := rest.WriteCondition(c, a.requireIfMatch)
	return func(current domain.Account) error {
		etag := rest.ETag(current.Version)
		if current.Image == nil {
			return cond.RequireMissing(etag)
		}
		return cond.Require(etag, imageETag(*current.Image))
	}, err
}

// accountID reads the id in the path. A malformed id is answered like one of no
// account.
func accountID(c *gin.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id < 1 || id > domain.MaxID || strconv.FormatInt(id, 10) != c.Param("id") {
		return 0, domain.ErrNotFound
	}
	return id, nil
}
