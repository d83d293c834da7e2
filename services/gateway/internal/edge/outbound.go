package edge

import (
	"io"
	"net/http"
	"net/textproto"
	"strings"
	"sync/atomic"
)

// outbound returns r as it goes to the service, and its body, nil if it has
// none. It shares r's header values, which nothing changes.
func outbound(r *http.Request) (*http.Request, *requestBody) {
	out := new(http.Request)
	*out = *r // keeps the context, which only a copy can take over
	url := *r.URL
	out.URL = &url
	out.RequestURI = ""
	out.Close = false
	out.Header = make(http.Header, len(r.Header)+1)
	copyEndToEnd(out.Header, r.Header)
	delete(out.Header, "Expect") // answered by the gateway's own server
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = []string{""} // else the transport puts its own
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

// copyEndToEnd sets each header of src in dst but those of one hop (RFC 9110,
// section 7.6.1).
func copyEndToEnd(dst, src http.Header) {
	for name, values := range src {
		switch name {
		case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
			"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		default:
			dst[name] = values
		}
	}
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
