package rest

import (
	"bytes"
	"context"
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
	"github.com/concha-labs/backend/pkg/longwork"
)

// The usual limits of a body, in bytes.
const (
	MaxJSON   = 1 << 20
	MaxUpload = 6 << 20 // the largest file with the overhead of multipart
)

const mergePatch = "application/merge-patch+json"

// maxPreallocated bounds the memory that is allocated for a body before it
// arrives.
const maxPreallocated = 64 << 10

// MediaType returns the media type of the request's Content-Type in lower case
// and without parameters, or "".
func MediaType(r *http.Request) string {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.Trim(mediaType, " \t"))
}

// RequireContentType returns nil if the request's media type is one of types,
// otherwise an httpserver.ErrUnsupported that lists them. Parameters such as
// charset are ignored. "application/*+json" matches any type with that suffix.
func RequireContentType(c *gin.Context, types ...string) error {
	if coding := c.Request.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return httpserver.ErrUnsupported.Detailf("a body in the Content-Encoding %q is not accepted; send it without an encoding", coding)
	}
	got := MediaType(c.Request)
	if slices.ContainsFunc(types, func(t string) bool { return matches(got, t) }) {
		return nil
	}
	taken := strings.Join(types, " or ")
	if got == "" {
		return httpserver.ErrUnsupported.Detailf("the Content-Type is missing; send %s", taken)
	}
	return httpserver.ErrUnsupported.Detailf("a body of type %q is not accepted here; send %s", got, taken)
}

func matches(mediaType, pattern string) bool {
	before, after, wildcard := strings.Cut(pattern, "*")
	if !wildcard {
		return mediaType == pattern
	}
	return len(mediaType) > len(before)+len(after) && strings.HasPrefix(mediaType, before) && strings.HasSuffix(mediaType, after)
}

// ReadBody returns the whole body. Errors:
//   - httpserver.ErrTooLarge: it has more than limit bytes. If the
//     Content-Length says so, nothing is read.
//   - httpserver.ErrMalformed: it is incomplete, or did not arrive in time.
//   - httpserver.ErrUnavailable: there is no room for it. If the Content-Length
//     says so, nothing is read.
func ReadBody(c *gin.Context, limit int64) ([]byte, error) {
	body, err := OpenBody(c, limit)
	if err != nil {
		return nil, err
	}
	return readAll(c.Request.Context(), body, c.Request.ContentLength)
}

// readAll reads a body of size bytes; -1 means unknown. No memory is allocated for
// bytes that a client announces and has not sent, except for a short body.
func readAll(ctx context.Context, body io.Reader, size int64) ([]byte, error) {
	if size < 0 || size > maxPreallocated {
		return longwork.ReadAll(ctx, body)
	}
	b := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	_, err := b.ReadFrom(body)
	return b.Bytes(), err
}

// ReadPatch reads a body of type application/merge-patch+json (RFC 7396) with
// one object. Errors: httpserver.ErrUnsupported, whose answer has the type in
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

// OpenBody returns a reader of the body with the errors of ReadBody.
func OpenBody(c *gin.Context, limit int64) (io.ReadCloser, error) {
	b := &limitedBody{ReadCloser: http.MaxBytesReader(c.Writer, c.Request.Body, limit), header: c.Writer.Header(), request: c.Request}
	if c.Request.ContentLength > limit {
		return nil, b.tooLarge(limit)
	}
	if err := httpserver.ReserveBody(b.request.Context(), copies*max(c.Request.ContentLength, 0)); err != nil {
		return nil, b.refused(err)
	}
	return b, nil
}

type limitedBody struct {
	io.ReadCloser
	header  http.Header // of the answer
	request *http.Request
}

// refused returns err, after which the rest of the body is not read.
func (b *limitedBody) refused(err error) error {
	httpserver.CloseUnread(b.header, b.request)
	return err
}

// copies is how many times a body takes memory: as it came, and as it is parsed or
// kept.
const copies = 2

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err := httpserver.TakeBody(b.request.Context(), copies*int64(n)); n > 0 && err != nil {
		return 0, b.refused(err)
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return n, b.tooLarge(tooLarge.Limit)
	}
	return n, brokenBody(err)
}

func (b *limitedBody) tooLarge(limit int64) error {
	return b.refused(httpserver.ErrTooLarge.Detailf("the body is larger than %d bytes", limit))
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
	end  error // the error that ended reading
}

// Read reads the file. In addition to the errors of ReadBody, it returns
// fault.Invalid at the end if there is another file with the same name.
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

// OpenPart returns the file with the name key of a multipart/form-data body,
// and skips other parts. The file is read as it arrives. limit applies to the
// whole body. Errors:
//   - httpserver.ErrUnsupported: the body is not multipart.
//   - fault.Invalid: it has no such file.
//   - httpserver.ErrMalformed, httpserver.ErrTooLarge.
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

// nextFile returns the next file of a form with the name key, or nil, and
// whether there was any part with that name.
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

// brokenMultipart returns the fault of reading the body, if there was one.
func brokenMultipart(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return fmt.Errorf("read multipart body: %w", err)
	}
	return malformed("", "the multipart body is broken or breaks off before its end").Wrap(err)
}
