// Package console serves a user interface to the API. It is static: ES modules
// that run in the browser and call the public API alone.
package console

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/gateway/internal/asset"
)

//go:embed static
var files embed.FS

const (
	// staticPath is followed by the version of all files and the name of one.
	// Every other path below /console is a page that the modules render.
	staticPath = "/console/static/"

	// policy lets the page load and call only this origin. Images are read with
	// the caller's credentials and shown as blobs.
	policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; trusted-types 'none'; require-trusted-types-for 'script'"
)

var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// Register adds the console at /console and below to r.
func Register(r gin.IRoutes) {
	load := sync.OnceValues(load) // on the first request, because it hashes all files
	index := func(c *gin.Context) {
		_, page := load()
		page(c)
	}
	httpserver.Get(r, "/console", index)
	httpserver.Get(r, "/console/*path", func(c *gin.Context) {
		name, isStatic := strings.CutPrefix(c.Request.URL.Path, staticPath)
		if !isStatic {
			index(c)
			return
		}
		static, _ := load()
		version, name, _ := strings.Cut(name, "/")
		file, ok := static.files[name]
		switch {
		case !ok:
			httpserver.Fail(c, httpserver.ErrNoRoute)
		case version == static.version:
			file.forever(c)
		default: // of a page that another replica sent
			file.now(c)
		}
	})
}

// static holds the files by name. Their version changes when one of them does.
type static struct {
	version string
	files   map[string]file
}

// file has the handlers of its URL with the version, which always has the same
// content, and of those with another.
type file struct{ forever, now gin.HandlerFunc }

// load returns the handlers of all files, and that of the page. The page names
// all modules, so that a browser loads them at once instead of following the
// imports one by one.
func load() (s static, index gin.HandlerFunc) {
	s.files = map[string]file{}
	var all []byte
	var page string
	var modules strings.Builder
	err := fs.WalkDir(files, "static", func(name string, entry fs.DirEntry, err error) error {
		contentType, ok := contentTypes[path.Ext(name)]
		if err != nil || entry.IsDir() || !ok {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read an embedded file: %w", err)
		}
		name = strings.TrimPrefix(name, "static/")
		switch path.Ext(name) {
		case ".html":
			page = string(content)
			return nil
		case ".js":
			fmt.Fprintf(&modules, "<link rel=\"modulepreload\" href=\"%s%s\">\n", staticPath, name)
		}
		all = append(append(all, name...), content...)
		s.files[name] = file{
			forever: asset.ServeForever(contentType, policy, asset.Constant(content)),
			now:     asset.Serve(contentType, policy, asset.Constant(content)),
		}
		return nil
	})
	if err != nil {
		panic(fmt.Errorf("console: %w", err))
	}
	s.version = asset.Hash(all)
	page = strings.Replace(page, "<!-- modules -->\n", modules.String(), 1)
	page = strings.ReplaceAll(page, staticPath, staticPath+s.version+"/")
	return s, asset.Serve(contentTypes[".html"], policy, asset.Constant([]byte(page)))
}
