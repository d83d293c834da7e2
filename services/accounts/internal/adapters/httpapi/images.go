package httpapi

import (
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// imagePart is the key of the file in a multipart upload.
const imagePart = "image"

func (a api) putImage(c *gin.Context) {
	id, err := accountID(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	check, err := a.imageCondition(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	declared, content, err := imageUpload(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	account, err := a.service.AttachImage(c.Request.Context(), id, declared, content, check)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	answer(c, http.StatusOK, account)
}

// imageUpload returns the declared type and the content of an image that is
// sent raw or as the file of a form.
func imageUpload(c *gin.Context) (declared string, content io.Reader, err error) {
	if err := httpserver.RequireContentType(c, "image/jpeg", "image/png", "multipart/form-data"); err != nil {
		return "", nil, err
	}
	if declared := httpserver.MediaType(c.Request); declared != "multipart/form-data" {
		content, err := httpserver.OpenBody(c, httpserver.MaxUpload)
		return declared, content, err
	}
	part, err := httpserver.OpenPart(c, imagePart, httpserver.MaxUpload)
	if err != nil {
		return "", nil, err
	}
	declared, err = declaredType(part)
	return declared, part, err
}

// declaredType returns the type that an uploaded file says it has; its name and
// its type must both be an image's.
func declaredType(part *httpserver.Part) (declared string, err error) {
	switch strings.ToLower(path.Ext(part.FileName())) {
	case ".jpeg", ".jpg", ".png":
	default:
		return "", fault.Invalidate(fault.Violation{Pointer: "/" + imagePart, Detail: "the file's name must end in .jpeg, .jpg or .png"})
	}
	declared, _, err = mime.ParseMediaType(part.Header.Get("Content-Type"))
	if err != nil || (declared != "image/jpeg" && declared != "image/png") {
		return "", domain.ErrImageType.Detailf("the file's content type must be image/jpeg or image/png")
	}
	return declared, nil
}

func (a api) getImage(c *gin.Context) {
	id, err := accountID(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	img, content, err := a.service.Image(c.Request.Context(), id, func(img domain.Image) bool {
		// The URL of an image changes with its content, but this route always
		// gives the current one: caches must ask.
		c.Header("Cache-Control", "no-cache")
		return !httpserver.NotModified(c, imageETag(img)) && c.Request.Method != http.MethodHead
	})
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	if c.Writer.Written() { // 304
		return
	}
	c.Header("ETag", imageETag(img))
	c.Header("Content-Type", img.ContentType)
	c.Header("Content-Length", strconv.FormatInt(img.SizeBytes, 10))
	c.Status(http.StatusOK)
	if content == nil { // HEAD
		return
	}
	defer func() { _ = content.Close() }()
	if _, err := io.Copy(c.Writer, content); err != nil {
		httpserver.Fail(c, err) // too late for another status: it cuts the answer off
	}
}

func imageETag(img domain.Image) string { return `"` + img.SHA256 + `"` }

func (a api) removeImage(c *gin.Context) {
	check, err := a.imageCondition(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	id, err := accountID(c)
	if err == nil {
		err = a.service.DetachImage(c.Request.Context(), id, check)
	}
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}
