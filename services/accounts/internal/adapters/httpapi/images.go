package httpapi

import (
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/idempotency"
	"github.com/concha-labs/backend/pkg/rest"
	"github.com/concha-labs/backend/services/accounts/internal/domain"
)

// imagePart is the key of the file in a multipart upload.
const imagePart = "image"

func (a *api) putImage(c *gin.Context) error {
	id, err := a.PathID(c)
	if err != nil {
		return err
	}
	check, err := a.imageCondition(c)
	if err != nil {
		return err
	}
	key, err := rest.IdempotencyKey(c)
	if err != nil {
		return err
	}
	declared, content, err := imageUpload(c)
	if err != nil {
		return err
	}
	account, err := a.service.AttachImage(c.Request.Context(), id, declared, content, idempotency.Request{Key: key}, check)
	if err != nil {
		return err
	}
	a.Answer(c, http.StatusOK, account)
	return nil
}

// imageUpload returns the declared type and the content of an image, which is
// sent raw or as the file of a form.
func imageUpload(c *gin.Context) (declared string, content io.Reader, err error) {
	if err := rest.RequireContentType(c, "image/jpeg", "image/png", "multipart/form-data"); err != nil {
		return "", nil, err
	}
	if declared := rest.MediaType(c.Request); declared != "multipart/form-data" {
		content, err := rest.OpenBody(c, rest.MaxUpload)
		return declared, content, err
	}
	part, err := rest.OpenPart(c, imagePart, rest.MaxUpload)
	if err != nil {
		return "", nil, err
	}
	declared, err = declaredType(part)
	return declared, part, err
}

// declaredType returns the declared type of an uploaded file. Both its name and
// its type must be those of an image.
func declaredType(part *rest.Part) (declared string, err error) {
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

func (a *api) getImage(c *gin.Context) error {
	id, err := a.PathID(c)
	if err != nil {
		return err
	}
	side, err := imageSide(c)
	if err != nil {
		return err
	}
	img, content, err := a.service.Image(c.Request.Context(), id, side, func(img domain.Image) bool {
		// The URL of an image changes with its content, but this route always
		// serves the current one. Caches must revalidate unless the URL is that
		// of the current image.
		caching := "private, no-cache"
		if c.Query("v") == events.ContentVersion(img.SHA256) {
			caching = "private, max-age=31536000, immutable"
		}
		etag := sizedETag(img, side)
		c.Header("Cache-Control", caching)
		c.Header("ETag", etag)
		return !rest.Conditional(c, etag) && c.Request.Method != http.MethodHead
	})
	if err != nil {
		return err
	}
	if !c.Writer.Written() { // 304 Not Modified
		c.Header("Content-Type", img.ContentType)
		rest.ServeContent(c, img.SizeBytes, content)
	}
	return nil
}

// imageSide reads the parameter size. 0 means the original image.
func imageSide(c *gin.Context) (int, error) {
	raw, ok := c.GetQuery("size")
	if !ok {
		return 0, nil
	}
	var sides []string
	for _, side := range domain.ImageSides {
		if raw == strconv.Itoa(side) {
			return side, nil
		}
		sides = append(sides, strconv.Itoa(side))
	}
	return 0, fault.Invalidate(fault.Violation{Pointer: "size", Detail: "must be one of " + strings.Join(sides, ", ")})
}

func imageETag(img domain.Image) string { return sizedETag(img, 0) }

func sizedETag(img domain.Image, side int) string {
	if side == 0 {
		return `"` + img.SHA256 + `"`
	}
	return `"` + img.SHA256 + "-" + strconv.Itoa(side) + `"`
}

func (a *api) removeImage(c *gin.Context) error {
	check, err := a.imageCondition(c)
	if err != nil {
		return err
	}
	id, err := a.PathID(c)
	if err == nil {
		err = a.service.DetachImage(c.Request.Context(), id, check)
	}
	if err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
