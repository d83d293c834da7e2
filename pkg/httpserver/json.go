package httpserver

import "github.com/gin-gonic/gin"

// ReadObject reads a body of type application/json that holds one object.
// Errors: ErrUnsupported, and those of ReadBody and ParseObject.
func ReadObject(c *gin.Context) (*Object, error) {
	if err := RequireContentType(c, "application/json"); err != nil {
		return nil, err
	}
	body, err := ReadBody(c, MaxJSON)
	if err != nil {
		return nil, err
	}
	return ParseObject(body)
}
