package rest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
)

// The usual limits of a body, in bytes.
const (
	MaxJSON   = 1 << 20
	MaxUpload = 6 << 20 // the largest file, and what multipart adds to it
)

const mergePatch = "application/merge-patch+json"

// maxPreallocated bounds the memory that a mere promise of a body costs.
const maxPreallocated = 64 << 10

// MediaType returns the media type of the request's Content-Type, in lower
// case and without parameters; "" if there is none.
func MediaType(r *http.Request) string {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.Trim(mediaType, " \t"))
}

// RequireContentType returns nil if the request's media type is one of types,
// else an httpserver.ErrUnsupported that lists them. Parameters such as charset do not
// count, and "application/*+json" stands for any with that suffix.
func RequireContentType(c *gin.Context, types ...string) error {
	if coding := c.Request.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return httpserver.ErrUnsupported.Detailf("a body in the Content-Encoding %q is not taken; send it as it is", coding)
	}
	got := MediaType(c.Request)
	if slices.ContainsFunc(types, func(t string) bool { return matches(got, t) }) {
		return nil
	}
	taken := strings.Join(types, " or ")
	if got == "" {
		return httpserver.ErrUnsupported.Detailf("the Content-Type is missing; send %s", taken)
	}
	return httpserver.ErrUnsupported.Detailf("a body of type %q is not taken here; send %s", got, taken)
}

func matches(mediaType, pattern string) bool {
	before, after, wildcard := strings.Cut(pattern, "*")
	if !wildcard {
		return mediaType == pattern
	}
	return len(mediaType) > len(before)+len(after) && strings.HasPrefix(mediaType, before) && strings.HasSuffix(mediaType, after)
}

// ReadBody returns the whole body. Errors: httpserver.ErrTooLarge if it has more than
// limit bytes, before it is read if the request says so; httpserver.ErrMalformed if it
// breaks off or does not arrive in time.
func ReadBody(c *gin.Context, limit int64) ([]byte, error) {
	body, err := OpenBody(c, limit)
	if err != nil {
		return nil, err
	}
	// One read more than the body needs tells bytes.Buffer that it has ended.
	size := max(c.Request.ContentLength, 0)
	buf := bytes.NewBuffer(make([]byte, 0, min(size, maxPreallocated)+bytes.MinRead))
	if size > maxPreallocated { // once so much has come, the rest will: no need to double
		if _, err := io.CopyN(buf, body, maxPreallocated); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		buf.Grow(int(size-maxPreallocated) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(body); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// ReadPatch reads a body of type application/merge-patch+json (RFC 7396) that
// holds one object. Errors: httpserver.ErrUnsupported, whose answer tells the type in
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

// ReadJSON reads a body of type application/json. Errors: httpserver.ErrUnsupported, and
// those of ReadBody.
func ReadJSON(c *gin.Context) ([]byte, error) {
	if err := RequireContentType(c, "application/json"); err != nil {
		return nil, err
	}
	return ReadBody(c, MaxJSON)
}

// OpenBody returns a reader of the body that fails as ReadBody does.
func OpenBody(c *gin.Context, limit int64) (io.ReadCloser, error) {
	b := &limitedBody{ReadCloser: http.MaxBytesReader(c.Writer, c.Request.Body, limit), header: c.Writer.Header()}
	if c.Request.ContentLength > limit {
		return nil, b.tooLarge(limit)
	}
	return b, nil
}

type limitedBody struct {
	io.ReadCloser
	header http.Header
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return n, b.tooLarge(tooLarge.Limit)
	}
	return n, brokenBody(err)
}

// tooLarge also has the connection closed, as the rest of the body is in it.
func (b *limitedBody) tooLarge(limit int64) error {
	b.header.Set("Connection", "close")
	return httpserver.ErrTooLarge.Detailf("the body is larger than %d bytes", limit)
}

func brokenBody(err error) error {
	detail := "the body broke off before its end"
	if errors.Is(err, os.ErrDeadlineExceeded) {
		detail = "the body did not arrive in time"
	}
	return malformed("", detail).Wrap(err)
}

func malformed(pointer, detail string) *fault.Error {
	e := httpserver.ErrMalformed.Detailf("%s", detail)
	e.Violations = []fault.Violation{{Pointer: pointer, Detail: detail}}
	return e
}

// Part is a file in a multipart body.
type Part struct {
	*multipart.Part

	form *multipart.Reader
	end  error // what Read ended with
}

// Read fails with httpserver.ErrTooLarge or httpserver.ErrMalformed, as ReadBody does, and with
// fault.Invalid at the end if there is another file of the same name.
func (p *Part) Read(b []byte) (n int, err error) {
	if p.end != nil {
		return 0, p.end
	}
	if n, err = p.Part.Read(b); err == nil {
		return n, nil
	}
	p.end = err
	if err != io.EOF { //nolint:errorlint // the contract of io.Reader
		p.end = brokenMultipart(err)
	} else if another, _, err := nextFile(p.form, p.FormName()); err != nil {
		p.end = err
	} else if another != nil {
		p.end = fault.Invalidate(fault.Violation{Pointer: "/" + p.FormName(), Detail: "must be one file: there is another in a part of this name"})
	}
	return n, p.end
}

// OpenPart returns the file of a multipart/form-data body that has the name
// key, and skips what else there is; it is read as it arrives. The whole body
// may have limit bytes. Errors: httpserver.ErrUnsupported if the body is not multipart,
// fault.Invalid if it holds no such file, httpserver.ErrMalformed, httpserver.ErrTooLarge.
func OpenPart(c *gin.Context, key string, limit int64) (*Part, error) {
	if err := RequireContentType(c, "multipart/form-data"); err != nil {
		return nil, err
	}
	body, err := OpenBody(c, limit)
	if err != nil {
		return nil, err
	}
	c.Request.Body = body
	reader, err := c.Request.MultipartReader()
	if err != nil {
		return nil, malformed("", "the Content-Type names no multipart boundary").Wrap(err)
	}
	part, named, err := nextFile(reader, key)
	if err != nil {
		return nil, err
	}
	missing := "is required: a file in a part of this name"
	switch {
	case part != nil:
		return &Part{Part: part, form: reader}, nil
	case named:
		missing = "must be a file: its part has no file name"
	}
	return nil, fault.Invalidate(fault.Violation{Pointer: "/" + key, Detail: missing})
}

// nextFile returns the next file of a form that has the name key, nil if there
// is none, and whether there was a part of that name.
func nextFile(form *multipart.Reader, key string) (file *multipart.Part, named bool, err error) {
	for {
		part, err := form.NextPart()
		switch {
		case err == io.EOF:
			return nil, named, nil
		case err != nil:
			return nil, named, brokenMultipart(err)
		case part.FormName() != key:
		case part.FileName() == "":
			named = true
		default:
			return part, true, nil
		}
	}
}

// brokenMultipart keeps the fault that reading the body met, if any.
func brokenMultipart(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return fmt.Errorf("read multipart body: %w", err)
	}
	return malformed("", "the multipart body is broken or breaks off before its end").Wrap(err)
}
