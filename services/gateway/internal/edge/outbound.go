package edge

import (
	"io"
	"net/http"
	"net/textproto"
	"strings"
	"sync/atomic"
)

// noAgent keeps the transport from naming itself.
var noAgent = []string{""}

// outbound returns r as it goes to the service, and its body, nil if it has
// none. The headers are r's own; trailers, whose names nobody has judged, stay.
func outbound(r *http.Request) (*http.Request, *requestBody) {
	out := new(http.Request)
	*out = *r // keeps the context, which only a copy can take over
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

// requestBody is a client's body. The transport's Close of it does nothing, as
// the next address needs it still; the server closes the real one.
type requestBody struct {
	reader  io.Reader
	drained atomic.Bool
}

// bodyError is a failure to read the client's body, told apart from failures
// of the service.
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

// isOfOneHop reports whether a header is not for whoever comes behind the next
// hop (RFC 9110, section 7.6.1).
func isOfOneHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// removeNominated removes the headers that a Connection header names as those
// of one hop.
func removeNominated(h http.Header, connection []string) {
	for _, value := range connection {
		for name := range strings.SplitSeq(value, ",") {
			h.Del(textproto.TrimString(name))
		}
	}
}
