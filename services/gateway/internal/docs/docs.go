// Package docs serves the public contract and Swagger UI over it, all of it
// embedded.
package docs

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	swagger "github.com/swaggest/swgui/v5/static"

	"github.com/concha-labs/backend/pkg/httpserver"
)

var (
	//go:embed static/index.html
	indexHTML []byte
	//go:embed static/init.js
	initJS []byte
)

// contentPolicy lets the page load what this origin serves and nothing else.
// Swagger UI sets style attributes and draws its icons from data URLs.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Register adds to r the Swagger UI at /docs, with and without a slash, and
// the contract given at /docs/openapi.yaml. Answers are compressed for clients
// that take gzip, and have an ETag by which they are kept until they change.
func Register(r gin.IRoutes, contract []byte) {
	const javaScript = "text/javascript; charset=utf-8"
	index := serve("text/html; charset=utf-8", zipped(indexHTML))
	httpserver.Get(r, "/docs", index)
	httpserver.Get(r, "/docs/", index)
	httpserver.Get(r, "/docs/init.js", serve(javaScript, zipped(initJS)))
	httpserver.Get(r, "/docs/openapi.yaml", serve("application/yaml", zipped(contract)))
	httpserver.Get(r, "/docs/swagger-ui-bundle.js", serve(javaScript, embedded("swagger-ui-bundle.js.gz")))
	httpserver.Get(r, "/docs/swagger-ui.css", serve("text/css; charset=utf-8", embedded("swagger-ui.css.gz")))
}

// serve answers with content, which returns it in gzip form when it is first
// asked for.
func serve(contentType string, content func() []byte) gin.HandlerFunc {
	content = sync.OnceValue(content)
	tag := sync.OnceValue(func() string {
		sum := sha256.Sum256(content())
		return hex.EncodeToString(sum[:8])
	})
	return func(c *gin.Context) {
		header := c.Writer.Header()
		header.Set("Vary", "Accept-Encoding")
		header.Set("Cache-Control", "no-cache") // may be kept, but is asked for again
		header.Set("Content-Security-Policy", contentPolicy)
		body, etag := content(), `"`+tag()+`"`
		zipped := acceptsGzip(c.Request.Header)
		if zipped {
			etag = `"` + tag() + `-gzip"`
		}
		if httpserver.NotModified(c, etag) {
			return
		}
		if zipped {
			header.Set("Content-Encoding", "gzip")
		} else {
			var err error
			if body, err = unzip(body); err != nil {
				httpserver.Fail(c, err)
				return
			}
		}
		header.Set("ETag", etag)
		header.Set("Content-Length", strconv.Itoa(len(body)))
		c.Data(http.StatusOK, contentType, body)
	}
}

// acceptsGzip reports whether a request takes answers in gzip.
func acceptsGzip(h http.Header) bool {
	for _, value := range h["Accept-Encoding"] {
		for entry := range strings.SplitSeq(value, ",") {
			coding, weight, _ := strings.Cut(entry, ";")
			if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				q, ok := strings.CutPrefix(strings.TrimSpace(weight), "q=")
				return !ok || strings.Trim(q, "0.") != ""
			}
		}
	}
	return false
}

// embedded returns a function that returns a file of Swagger UI.
func embedded(name string) func() []byte {
	content, err := swagger.FS.ReadFile(name)
	if err != nil {
		panic(fmt.Errorf("docs: Swagger UI lacks a file: %w", err))
	}
	return func() []byte { return content }
}

// zipped returns a function that compresses content.
func zipped(content []byte) func() []byte {
	return func() []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b) // memory takes all that is written
		_, _ = w.Write(content)
		_ = w.Close()
		return b.Bytes()
	}
}

func unzip(content []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("decompress a document: %w", err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decompress a document: %w", err)
	}
	return plain, nil
}
