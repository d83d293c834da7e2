package httpserver

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
)

// ETag returns the strong entity tag of a version: "7", quotes included.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// SetETag sets the answer's ETag to that of version.
func SetETag(c *gin.Context, version int64) { c.Header("ETag", ETag(version)) }

// NotModified answers a GET or HEAD with 304 and etag, and returns true, if
// If-None-Match names etag (compared weakly) or is "*". Else it does nothing.
func NotModified(c *gin.Context, etag string) bool {
	if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		return false
	}
	for _, line := range c.Request.Header["If-None-Match"] {
		tags, ok := parseTags(line)
		if !ok {
			continue
		}
		for _, tag := range tags {
			if tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(etag, "W/") {
				c.Header("ETag", etag)
				c.Status(http.StatusNotModified)
				c.Writer.WriteHeaderNow()
				return true
			}
		}
	}
	return false
}

// Condition is the If-Match of a request. The zero Condition always holds.
type Condition struct {
	tags []string
}

// IfMatch parses If-Match. Errors: fault.Invalid if it is no list of entity
// tags.
func IfMatch(c *gin.Context) (Condition, error) {
	var cond Condition
	for _, line := range c.Request.Header["If-Match"] {
		tags, ok := parseTags(line)
		if !ok {
			return Condition{}, fault.Invalidate(fault.Violation{Pointer: "If-Match", Detail: `must be "*" or a list of ETags in their double quotes`})
		}
		cond.tags = append(cond.tags, tags...)
	}
	return cond, nil
}

// Check returns nil if the condition holds for a resource at version, else
// ErrPrecondition. Tags are compared strongly: a weak one never matches.
func (cond Condition) Check(version int64) error {
	if cond.tags == nil {
		return nil
	}
	etag := ETag(version)
	for _, tag := range cond.tags {
		if tag == "*" || tag == etag {
			return nil
		}
	}
	return ErrPrecondition.Detailf("the resource is at ETag %s, which If-Match does not name", etag)
}

// parseTags splits a list of entity tags (RFC 9110, section 8.8.3); "*" stands
// for itself. It is not ok if the line is no such list or empty.
func parseTags(line string) (tags []string, ok bool) {
	line = strings.Trim(line, " \t")
	if line == "*" {
		return []string{"*"}, true
	}
	for {
		line = strings.TrimLeft(line, " \t,")
		if line == "" {
			return tags, len(tags) > 0
		}
		start := 0
		if strings.HasPrefix(line, "W/") {
			start = len("W/")
		}
		if start >= len(line) || line[start] != '"' {
			return nil, false
		}
		length := strings.IndexByte(line[start+1:], '"')
		if length < 0 {
			return nil, false
		}
		end := start + 1 + length + 1
		tags = append(tags, line[:end])
		line = strings.TrimLeft(line[end:], " \t")
		if line != "" && line[0] != ',' {
			return nil, false
		}
	}
}
