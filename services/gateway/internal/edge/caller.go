package edge

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// caller says who sends a request, and which scopes it has.
type caller struct {
	Access string   `json:"access"`
	ID     *string  `json:"id"`
	Scopes []string `json:"scopes"`
}

// anyone is every caller of an open system.
var anyone = caller{
	Access: "open",
	Scopes: []string{"accounts:read", "accounts:write", "audios:read", "audios:write", "events:read"},
}

func getCaller(c *gin.Context) { c.JSON(http.StatusOK, anyone) }
