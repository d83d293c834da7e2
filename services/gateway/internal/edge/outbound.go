package edge

import (
	"io"
	"net/http"
	"net/textproto"
	"strings"
	"sync/atomic"
)

// noAgent prevents the transport from adding a User-Agent.
var noAgent = []string{""}

// outbound returns the request to the service for r, and its body, or nil. It
// shares the headers of r. It drops trailers, because their names have not been
// checked.
func outbound(r *http.Request) (*http.Request, *requestBody) {
	out := new(http.Request)
	*out = *r // keeps the context, which only a copy can do
	url := *r.URL
	out.URL = &url
	out.RequestURI = ""
	out.Close = false
	out.Trailer = nil
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = noAgent
	}
	if r.ContentLength == 0 {
		out.Body = nil
		return out, nil
	}
	body := &requestBody{reader: r.Body}
	out.Body = body
	return out, body
}

// requestBody is the body of a client. Close does nothing, because the next
// address may still need the body; the server closes it.
type requestBody struct {
	reader  io.Reader
	drained atomic.Bool
}

// bodyError is an error of reading the client's body, as opposed to an error of
// the service.
type bodyError struct{ error }

func (e bodyError) Unwrap() error { return e.error }

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.reader.Read(p)
	switch {
	case err == io.EOF:
		b.drained.Store(true)
	case err != nil:
		err = bodyError{err}
	}
	return n, err
}

func (b *requestBody) Close() error { return nil }

// isOfOneHop reports whether a header applies only to the next hop (RFC 9110,
// section 7.6.1).
func isOfOneHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// removeNominated removes the headers that a Connection header names as those
// of one hop, except those that a client must not take from a request: a proxy
// in front of this process may have set them.
func removeNominated(h http.Header, connection []string) {
	for _, value := range connection {
		for name := range strings.SplitSeq(value, ",") {
			name = http.CanonicalHeaderKey(textproto.TrimString(name))
			if !isOfAllHops(name) {
				delete(h, name)
			}
		}
	}
}

// isOfAllHops reports whether a header is never one of a single hop.
func isOfAllHops(name string) bool {
	switch name {
	case "Authorization", "Forwarded", "X-Real-Ip", "X-Request-Id", "Origin", "Host", "Cookie", "Content-Type", "Content-Length":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "Concha-") || strings.HasPrefix(name, "Sec-Fetch-")
}
