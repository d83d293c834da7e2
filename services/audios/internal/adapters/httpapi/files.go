package httpapi

import (
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
	"github.com/concha-labs/backend/services/audios/internal/domain"
)

const (
	// filePart is the key of the file in a multipart upload.
	filePart = "audio"
	// maxForm is the size of the largest document, with room for the overhead
	// of multipart.
	maxForm = rest.MaxJSON + 64<<10
)

// upload returns the document in the body, or in the file of a form.
func upload(c *gin.Context) ([]byte, error) {
	if err := rest.RequireContentType(c, "application/json", "multipart/form-data"); err != nil {
		return nil, err
	}
	if rest.MediaType(c.Request) == "application/json" {
		return rest.ReadBody(c, rest.MaxJSON)
	}
	part, err := rest.OpenPart(c, filePart, maxForm)
	if err != nil {
		return nil, err
	}
	if strings.ToLower(path.Ext(part.FileName())) != ".json" {
		return nil, fault.Invalidate(fault.Violation{Pointer: "/" + filePart, Detail: "the file's name must end in .json"})
	}
	document, err := io.ReadAll(io.LimitReader(part, rest.MaxJSON+1))
	if err == nil && len(document) > rest.MaxJSON {
		err = httpserver.ErrTooLarge.Detailf("the file is larger than %d bytes", rest.MaxJSON)
	}
	return document, err
}

func (a *api) getFile(c *gin.Context) error {
	id, err := a.PathID(c)
	if err != nil {
		return err
	}
	file, content, err := a.service.File(c.Request.Context(), id, func(file domain.File) bool {
		// The URL of a file changes with its content, but this route always
		// serves the current one. Caches must revalidate.
		c.Header("Cache-Control", "private, no-cache")
		return !rest.Conditional(c, fileETag(file)) && c.Request.Method != http.MethodHead
	})
	if err != nil {
		return err
	}
	if !c.Writer.Written() { // 304 Not Modified
		c.Header("ETag", fileETag(file))
		c.Header("Content-Type", "application/json")
		rest.ServeContent(c, file.SizeBytes, content)
	}
	return nil
}

func fileETag(file domain.File) string { return `"` + file.SHA256 + `"` }
