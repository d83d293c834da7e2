// Package home serves the page at the root of the API, which links to
// everything else.
package home

import (
	_ "embed"
	"html/template"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
)

//go:embed home.html
var html string

var page = template.Must(template.New("home").Parse(html))

// index is the page as JSON. Its addresses are relative to it.
type index struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Docs      string `json:"docs"`
	Contract  string `json:"contract"`
	Console   string `json:"console,omitempty"`
	Readiness string `json:"readiness"`
	Liveness  string `json:"liveness"`
}

// Register adds the page at / to r: HTML for a client that accepts it, such as
// a browser, and JSON for others. It links to the console if there is one.
func Register(r gin.IRoutes, version string, console bool) {
	links := index{
		Name: "Concha API", Version: version,
		Docs: "/docs", Contract: "/docs/openapi.yaml", Readiness: "/readyz", Liveness: "/livez",
	}
	if console {
		links.Console = "/console"
	}
	httpserver.Get(r, "/", func(c *gin.Context) {
		c.Writer.Header().Add("Vary", "Accept")
		if !strings.Contains(c.GetHeader("Accept"), "text/html") {
			c.JSON(http.StatusOK, links)
			return
		}
		c.Header("Content-Type", "text/html; charset=utf-8")
		c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		c.Status(http.StatusOK)
		// The template and its data are fixed, so this fails only if the client
		// has left.
		_ = page.Execute(c.Writer, links)
	})
}
