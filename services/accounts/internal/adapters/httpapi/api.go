// Package httpapi serves the accounts part of the v1 API.
package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/accounts/internal/app"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

type api struct {
	service *app.Service
}

// New returns the handler of all routes of the service. checks are what has to
// hold for it to be ready, by name.
func New(service *app.Service, checks map[string]func(context.Context) error) http.Handler {
	a := api{service: service}
	e := httpserver.NewEngine()
	httpserver.Health(e, checks)

	e.POST("/v1/accounts", a.create)
	httpserver.Get(e, "/v1/accounts", a.list)
	httpserver.Get(e, "/v1/accounts/:id", a.get)
	e.PUT("/v1/accounts/:id", a.replace)
	e.DELETE("/v1/accounts/:id", a.remove)

	e.PUT("/v1/accounts/:id/image", a.putImage)
	httpserver.Get(e, "/v1/accounts/:id/image", a.getImage)
	e.DELETE("/v1/accounts/:id/image", a.removeImage)
	return e
}

// accountID reads the id in the path. What is no id names no account.
func accountID(c *gin.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id < 1 || id > domain.MaxID || strconv.FormatInt(id, 10) != c.Param("id") {
		return 0, domain.ErrNotFound
	}
	return id, nil
}
