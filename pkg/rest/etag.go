package rest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
)

// ETag returns the strong entity tag of a version, such as "7" with the quotes.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// SetETag sets the answer's ETag to that of version.
func SetETag(c *gin.Context, version int64) { c.Header("ETag", ETag(version)) }

// NotModified answers a GET or HEAD with 304 and etag, and returns true, if
// If-None-Match names etag (compared weakly) or is "*". Otherwise it does
// nothing.
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

// Condition contains the If-Match and If-None-Match of a request that writes.
// The zero Condition always holds.
type Condition struct {
	match, noneMatch []string
	required         bool
}

// WriteCondition parses the conditions of a request that writes. If required is
// true, a request without If-Match and without If-None-Match: * has a condition
// that never holds. The error is a fault.Invalid that names each header which
// is not a list of entity tags.
func WriteCondition(c *gin.Context, required bool) (Condition, error) {
	cond := Condition{required: required}
	var violations []fault.Violation
	read := func(name string) (tags []string) {
		for _, line := range c.Request.Header[name] {
			list, ok := parseTags(line)
			if !ok {
				violations = append(violations, fault.Violation{Pointer: name, Detail: `must be "*" or a list of ETags in their double quotes`})
				return nil
			}
			tags = append(tags, list...)
		}
		return tags
	}
	cond.match, cond.noneMatch = read("If-Match"), read("If-None-Match")
	return cond, fault.Invalidate(violations...)
}

// Creates reports whether the request asks to create a resource: If-None-Match
// is "*", and there is no If-Match.
func (cond Condition) Creates() bool {
	return cond.match == nil && slices.Contains(cond.noneMatch, "*")
}

// Check reports whether the condition holds for a resource with these ETags,
// one for each of its forms. If-Match compares strongly, so a weak tag never
// matches; If-None-Match compares weakly. Errors:
//   - httpserver.ErrPrecondition: the condition does not hold. The answer has
//     the first of the ETags.
//   - httpserver.ErrNoPrecondition: a condition is required and missing.
func (cond Condition) Check(etags ...string) error {
	named := func(tags []string) bool {
		return slices.ContainsFunc(tags, func(tag string) bool { return tag == "*" || slices.Contains(etags, tag) })
	}
	switch {
	case cond.match != nil && !named(cond.match):
		return &conditionError{etags[0], httpserver.ErrPrecondition.Detailf("the resource is at ETag %s, which If-Match does not name", etags[0])}
	case slices.ContainsFunc(cond.noneMatch, func(tag string) bool { return named([]string{strings.TrimPrefix(tag, "W/")}) }):
		return &conditionError{etags[0], httpserver.ErrPrecondition.Detailf("the resource is at ETag %s, which If-None-Match rules out", etags[0])}
	case cond.required && cond.match == nil:
		return httpserver.ErrNoPrecondition
	}
	return nil
}

// CheckPart is Check for a missing part of a resource that has an ETag.
// If-None-Match: * holds then, and suffices as a condition.
func (cond Condition) CheckPart(etag string) error {
	if slices.Contains(cond.noneMatch, "*") {
		cond.noneMatch, cond.required = nil, false
	}
	return cond.Check(etag)
}

// conditionError is an httpserver.ErrPrecondition with the current ETag of the
// resource.
type conditionError struct {
	etag  string
	fault *fault.Error
}

func (e *conditionError) Error() string { return e.fault.Error() }

func (e *conditionError) Unwrap() error { return e.fault }

// ETag returns the tag that httpserver.WriteError sends with the answer.
func (e *conditionError) ETag() string { return e.etag }

// parseTags splits a list of entity tags (RFC 9110, section 8.8.3). "*" stands
// for itself. ok is false if the line is empty or not such a list.
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
