package httpserver

import "github.com/gin-gonic/gin"

const mergePatch = "application/merge-patch+json"

// ReadPatch reads a body of type application/merge-patch+json (RFC 7396) that
// holds one object. Errors: ErrUnsupported, whose answer tells the type in
// Accept-Patch, and those of ReadBody and ParseObject.
func ReadPatch(c *gin.Context) (*Object, error) {
	if err := RequireContentType(c, mergePatch); err != nil {
		c.Header("Accept-Patch", mergePatch)
		return nil, err
	}
	body, err := ReadBody(c, MaxJSON)
	if err != nil {
		return nil, err
	}
	return ParseObject(body)
}

// ReadJSON reads a body of type application/json. Errors: ErrUnsupported, and
// those of ReadBody.
func ReadJSON(c *gin.Context) ([]byte, error) {
	if err := RequireContentType(c, "application/json"); err != nil {
		return nil, err
	}
	return ReadBody(c, MaxJSON)
}
