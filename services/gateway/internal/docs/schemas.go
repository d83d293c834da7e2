package docs

import (
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/events/schemas"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/gateway/internal/asset"
)

var errNoSuchSchema = fault.New(fault.NotFound, "no-such-instance-error", "there is no schema of this name; /docs/asyncapi.yaml lists them")

// registerSchemas serves the JSON Schemas of the event types, to which
// ce-dataschema refers.
func registerSchemas(r gin.IRoutes) {
	files, err := schemas.Files.ReadDir(".")
	if err != nil {
		panic(fmt.Errorf("docs: list the embedded schemas: %w", err))
	}
	handlers := make(map[string]gin.HandlerFunc, len(files))
	for _, file := range files {
		content, err := schemas.Files.ReadFile(file.Name())
		if err != nil {
			panic(fmt.Errorf("docs: read an embedded schema: %w", err))
		}
		handlers[file.Name()] = serve("application/schema+json", asset.Constant(content))
	}
	httpserver.Get(r, "/schemas/:file", func(c *gin.Context) {
		h, ok := handlers[c.Param("file")]
		if !ok {
			httpserver.Fail(c, errNoSuchSchema)
			return
		}
		h(c)
	})
}
