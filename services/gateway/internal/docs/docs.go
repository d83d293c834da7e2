// Package docs serves the embedded contracts of the API and of the events, and
// Swagger UI.
package docs

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"

	"github.com/gin-gonic/gin"
	swagger "github.com/swaggest/swgui/v5/static"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/gateway/internal/asset"
)

var (
	//go:embed static/index.html
	indexHTML []byte
	//go:embed static/init.js
	initJS []byte
	//go:embed static/stream.html
	streamHTML []byte
	//go:embed static/stream.js
	streamJS []byte
)

// contentPolicy lets the pages load files of this origin and nothing else.
// Swagger UI sets style attributes, draws its icons from data URLs, and shows
// images of answers from blob URLs.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Register adds to r Swagger UI at /docs, the contract of the API at
// /docs/openapi.yaml and that of the events at /docs/asyncapi.yaml, each with
// and without a trailing slash, and the schemas of the events' data at
// /schemas/<type>.json. Answers have an ETag, by which browsers keep them until
// they change.
func Register(r gin.IRoutes, openAPI, asyncAPI []byte) {
	const javaScript = "text/javascript; charset=utf-8"
	for path, document := range map[string]gin.HandlerFunc{
		"/docs":               serve("text/html; charset=utf-8", asset.Constant(indexHTML)),
		"/docs/openapi.yaml":  serve("application/yaml", asset.Constant(openAPI)),
		"/docs/asyncapi.yaml": serve("application/yaml", asset.Constant(asyncAPI)),
	} {
		httpserver.Get(r, path, document)
		httpserver.Get(r, path+"/", document)
	}
	httpserver.Get(r, "/docs/init.js", serve(javaScript, asset.Constant(initJS)))
	httpserver.Get(r, "/docs/stream", serve("text/html; charset=utf-8", asset.Constant(streamHTML)))
	httpserver.Get(r, "/docs/stream.js", serve(javaScript, asset.Constant(streamJS)))
	registerSchemas(r)
	httpserver.Get(r, "/docs/swagger-ui-bundle.js", serve(javaScript, unzipped("swagger-ui-bundle.js.gz")))
	httpserver.Get(r, "/docs/swagger-ui.css", serve("text/css; charset=utf-8", unzipped("swagger-ui.css.gz")))
}

func serve(contentType string, content func() []byte) gin.HandlerFunc {
	return asset.Serve(contentType, contentPolicy, content)
}

// unzipped returns a function that returns a file of Swagger UI.
func unzipped(name string) func() []byte {
	return func() []byte {
		zipped, err := swagger.FS.ReadFile(name)
		if err != nil {
			panic(fmt.Errorf("docs: Swagger UI lacks a file: %w", err))
		}
		r, err := gzip.NewReader(bytes.NewReader(zipped))
		if err != nil {
			panic(fmt.Errorf("docs: decompress %s: %w", name, err))
		}
		plain, err := io.ReadAll(r)
		if err != nil {
			panic(fmt.Errorf("docs: decompress %s: %w", name, err))
		}
		return plain
	}
}
