package edge

import (
	_ "embed"
	"html/template"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
)

//go:embed problems.html
var problemsHTML string

var problemsPage = template.Must(template.New("problems").Parse(problemsHTML))

var errNoSuchProblem = fault.New(fault.NotFound, "no-such-instance-error", "there is no problem type of this name; /problems/ lists them")

// registerProblems serves the pages to which the type of a problem refers.
func registerProblems(e *gin.Engine) {
	index := func(c *gin.Context) { renderProblems(c, "Problems", httpserver.Problems()) }
	httpserver.Get(e, "/problems", index)
	httpserver.Get(e, "/problems/", index)
	httpserver.Get(e, "/problems/:name", func(c *gin.Context) {
		p, ok := httpserver.LookupProblem(c.Param("name"))
		if !ok {
			httpserver.Fail(c, errNoSuchProblem)
			return
		}
		renderProblems(c, p.Name, []httpserver.ProblemType{p})
	})
}

func renderProblems(c *gin.Context, title string, problems []httpserver.ProblemType) {
	c.Header("Content-Type", "text/html; charset=utf-8")
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	c.Header("Cache-Control", "public, max-age=3600")
	c.Status(http.StatusOK)
	// The template and its data are fixed, so this fails only if the client has
	// left.
	_ = problemsPage.Execute(c.Writer, gin.H{"Title": title, "Problems": problems})
}
