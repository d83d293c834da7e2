package rest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
)

// ETag returns the strong entity tag of a version, such as "7" with the quotes.
func ETag(version int64) string { return events.ETag(version) }

// SetETag sets the answer's ETag to that of version.
func SetETag(c *gin.Context, version int64) { c.Header("ETag", ETag(version)) }

// Conditional judges the conditions of a GET or HEAD for content that has etag
// (RFC 9110, section 13.2.2). It answers, and returns true, with
//   - 412 if If-Match does not name etag,
//   - 304 if If-None-Match names etag, compared weakly, or is "*",
//   - 400 if If-Match is not a list of entity tags.
//
// Otherwise, and for other methods, it does nothing. An If-None-Match that is
// not a list of entity tags is ignored.
func Conditional(c *gin.Context, etag string) (answered bool) {
	if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		return false
	}
	if c.Request.Header["If-Match"] != nil {
		match, broken := readTags(c, "If-Match")
		err := fault.Invalidate(broken...)
		if err == nil {
			err = Condition{match: match}.Require(etag)
		}
		if err != nil {
			httpserver.Fail(c, err)
			return true
		}
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
	match, broken := readTags(c, "If-Match")
	noneMatch, more := readTags(c, "If-None-Match")
	return Condition{match, noneMatch, required}, fault.Invalidate(append(broken, more...)...)
}

// readTags returns the entity tags of a header, and the lines of it that are no
// list of such.
func readTags(c *gin.Context, name string) (tags []string, broken []fault.Violation) {
	for _, line := range c.Request.Header[name] {
		list, ok := parseTags(line)
		if !ok {
			return nil, []fault.Violation{{Pointer: name, Detail: `must be "*" or a list of ETags in their double quotes`}}
		}
		tags = append(tags, list...)
	}
	return tags, nil
}

// Creates reports whether the request asks to create a resource: If-None-Match
// is "*", and there is no If-Match.
func (cond Condition) Creates() bool {
	return cond.match == nil && slices.Contains(cond.noneMatch, "*")
}

// Require reports whether the condition holds for a resource with these ETags,
// one for each of its forms. If-Match compares strongly, so a weak tag never
// matches; If-None-Match compares weakly. Errors:
//   - httpserver.ErrPrecondition: the condition does not hold. The answer has
//     the first of the ETags.
//   - httpserver.ErrNoPrecondition: a condition is required and missing.
func (cond Condition) Require(etags ...string) error {
	named := func(tags []string) bool {
		return slices.ContainsFunc(tags, func(tag string) bool { return tag == "*" || slices.Contains(etags, tag) })
	}
	switch {
	case cond.match != nil && !named(cond.match):
		detail := "the resource is at ETag " + etags[0] + ", which If-Match does not name"
		if slices.ContainsFunc(cond.match, func(tag string) bool { return strings.HasPrefix(tag, "W/") }) {
			detail += "; a weak tag, which begins with W/, never matches there"
		}
		return &conditionError{etags[0], httpserver.ErrPrecondition.Detailf("%s", detail)}
	case slices.ContainsFunc(cond.noneMatch, func(tag string) bool { return named([]string{strings.TrimPrefix(tag, "W/")}) }):
		return &conditionError{etags[0], httpserver.ErrPrecondition.Detailf("the resource is at ETag %s, which If-None-Match rules out", etags[0])}
	case cond.required && cond.match == nil:
		return httpserver.ErrNoPrecondition
	}
	return nil
}

// RequireMissing is Require for a missing part of a resource that has an ETag.
// If-None-Match: * holds then, and suffices as a condition.
func (cond Condition) RequireMissing(etag string) error {
	if slices.Contains(cond.noneMatch, "*") {
		cond.noneMatch, cond.required = nil, false
	}
	return cond.Require(etag)
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
