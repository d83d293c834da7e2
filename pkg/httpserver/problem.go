package httpserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/fault"
)

// statusClientGone is nginx's status for a client that left before its answer.
// No client receives it; it marks such requests in the log.
const statusClientGone = 499

// Problem is the body of an RFC 9457 answer.
type Problem struct {
	Type     string            `json:"type"`
	Title    string            `json:"title"`
	Status   int               `json:"status"`
	Detail   string            `json:"detail"`
	Instance string            `json:"instance,omitempty"`
	Errors   []fault.Violation `json:"errors,omitempty"`
}

// Handle returns a handler that calls h and answers with the problem of its
// error, as Fail does.
func Handle(h func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			Fail(c, err)
		}
	}
}

// Fail answers with the problem for err (see WriteError), records err in
// c.Errors and aborts the chain. It is the only way in which a failure leaves a
// handler. The handler must return after it.
func Fail(c *gin.Context, err error) {
	_ = c.Error(err)
	c.Abort()
	WriteError(c.Writer, c.Request, err)
	c.Writer.WriteHeaderNow()
}

// WriteError answers with the problem for err. The code of the *fault.Error
// determines the problem if it is the name of a problem type; otherwise its
// kind does. An error without a kind is unavailable if a deadline has passed,
// and internal otherwise. No details of an internal error reach the client.
//
// If the client seems to have left, the log shows statusClientGone. The client
// still gets the answer, because it may have closed only its own side. If the
// answer has already begun, WriteError closes the connection by a panic with
// http.ErrAbortHandler, so that no client mistakes a part for the whole.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	p, f := classify(err)
	countRefusal(p.Name)
	clientGone := p.Status >= 500 && errors.Is(r.Context().Err(), context.Canceled)
	if rec := recorderOf(w); rec != nil {
		rec.note(err, p.Status, clientGone)
	}
	header := w.Header()
	for _, name := range [...]string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified", "Location"} {
		header.Del(name)
	}
	if failed, ok := errors.AsType[tagged](err); ok {
		header.Set("ETag", failed.ETag())
	}
	if (p.Name == "unavailable" || p.Name == "request-in-progress") && header.Get("Retry-After") == "" {
		header.Set("Retry-After", strconv.Itoa(max(1, int(f.RetryAfter.Seconds()))))
	}
	body := NewProblem(r, err)
	if id := RequestID(r.Context()); id != "" {
		body.Instance = "urn:request:" + id
	}
	writeProblem(w, r, body)
}

// NewProblem returns the problem with which WriteError answers r for err,
// without an instance.
func NewProblem(r *http.Request, err error) Problem {
	p, f := classify(err)
	return Problem{
		Type:   PublicURL(r) + "/problems/" + p.Name,
		Title:  p.Title,
		Status: p.Status,
		Detail: f.Detail,
		Errors: f.Violations,
	}
}

// tagged is an error whose answer has the entity tag of the resource.
type tagged interface {
	error
	ETag() string
}

var errInternal = fault.New(fault.Internal, "internal", "the service failed; report the instance of this problem if it happens again")

// classify returns the problem type of err and the fault to show with it.
func classify(err error) (ProblemType, *fault.Error) {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)):
		f = ErrUnavailable
	case !ok, f.Kind == fault.Internal:
		f = errInternal
	}
	if p, ok := LookupProblem(f.Code); ok {
		return p, f
	}
	p, _ := LookupProblem(problemOfKind[f.Kind])
	return p, f
}

func writeProblem(w http.ResponseWriter, r *http.Request, body Problem) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // strings and numbers only, so this cannot fail
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Content-Length", strconv.Itoa(buf.Len()))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(body.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(buf.Bytes()) // fails only if the client has left
	}
}
