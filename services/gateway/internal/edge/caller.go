package edge

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
)

// callerBody says who sends a request, and which scopes it has.
type callerBody struct {
	Access string   `json:"access"`
	ID     *string  `json:"id"`
	Scopes []string `json:"scopes"`
}

// anyone is every caller of an open system.
var anyone = callerBody{
	Access: "open",
	Scopes: strings.Fields((caller.AllScopes &^ caller.OwnScopes).String()),
}

func getCaller(c *gin.Context) {
	query, err := rest.ReadQuery(c.Request)
	if err == nil {
		err = query.Err()
	}
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	who, ok := caller.Lookup(c.Request.Context())
	if !ok {
		c.JSON(http.StatusOK, anyone)
		return
	}
	body := callerBody{Access: "required", Scopes: strings.Fields(who.Scopes.String())}
	if who.ID != "" {
		body.ID = &who.ID
	}
	c.JSON(http.StatusOK, body)
}
