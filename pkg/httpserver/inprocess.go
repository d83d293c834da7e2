package httpserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
)

// InProcess is an http.RoundTripper that calls a handler of the same process. It
// keeps a whole answer in memory, so it is not for streams.
type InProcess struct{ Handler http.Handler }

// RoundTrip implements http.RoundTripper. Errors: that of r's context, if it ends
// before the answer is complete; a panic of the handler, which over a network
// would close the connection.
func (t InProcess) RoundTrip(r *http.Request) (res *http.Response, err error) {
	defer func() {
		if v := recover(); v != nil {
			res, err = nil, fmt.Errorf("%w: %v", errAborted, v)
		}
	}()
	answer := &answer{header: http.Header{}, status: http.StatusOK}
	in := r.Clone(r.Context())
	in.Host, in.RequestURI = r.URL.Host, r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	t.Handler.ServeHTTP(answer, in)
	if r.Context().Err() != nil {
		return nil, context.Cause(r.Context())
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", answer.status, http.StatusText(answer.status)), StatusCode: answer.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.header, Body: io.NopCloser(&answer.body), ContentLength: int64(answer.body.Len()), Request: r,
	}, nil
}

// answer is an http.ResponseWriter that keeps what is written.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
