package edge

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
)

const (
	connectTimeout = 2 * time.Second
	// headerTimeout bounds the wait for an answer to begin. A feed request
	// waits for events for up to 30 s.
	headerTimeout = 35 * time.Second
	// idleTimeout is below the time after which a service closes a connection
	// that was opened and never used, as is left over when another one becomes
	// free first: no request meets a connection that is being closed.
	idleTimeout = httpserver.ReadHeaderTimeout - time.Second
	// streamStall is how long a reader of an event stream, or of an export, may
	// block it.
	streamStall = 30 * time.Second
)

var (
	errBadUpstream = fault.New(fault.Unavailable, "bad-upstream",
		"the service that answers here gave no valid answer")
	errUpstreamTimeout = fault.New(fault.Unavailable, "upstream-timeout",
		"the service that answers here did not answer in time")
	errBody = httpserver.ErrMalformed.Detailf("the body ended early or could not be read")
)

// Proxy passes requests on to a service. It streams both ways, holds nothing
// back of an event stream, and does not support upgrades. It trusts the
// request's headers, so it belongs behind the engine of New.
//
// A request fails with the problem unavailable (503) if no address accepts a
// connection within 2 s each, upstream-timeout (504) if an answer does not
// begin within 35 s, and bad-upstream (502) if what comes is no HTTP answer. An
// answer that breaks off is cut off for the client too, by
// http.ErrAbortHandler.
//
// It is safe for concurrent use.
type Proxy struct {
	balancer  *balancer
	transport *http.Transport
}

// NewProxy returns a proxy to a service that has one or more addresses. They
// take turns; one that fails is left out for 5 s, and if it was for accepting
// no connection, its request goes to the next.
func NewProxy(addresses Addresses) *Proxy {
	dialer := &net.Dialer{Timeout: connectTimeout}
	return &Proxy{
		balancer: newBalancer(addresses),
		transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    connectTimeout,
			ResponseHeaderTimeout:  headerTimeout,
			IdleConnTimeout:        idleTimeout,
			MaxIdleConnsPerHost:    512,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // an answer passes as it is
		},
	}
}

// ServeHTTP passes r on and its answer back.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, body := outbound(r)
	res, err := p.roundTrip(out)
	if err != nil {
		httpserver.WriteError(w, r, translate(r.Context(), body, err))
		return
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusSwitchingProtocols {
		httpserver.WriteError(w, r, errBadUpstream)
		return
	}

	header := w.Header()
	varies := slices.Concat(header["Vary"], res.Header["Vary"]) // by what the edge says, too
	copyEndToEnd(header, res.Header)
	if len(varies) > 0 {
		header["Vary"] = varies
	}
	removeNominated(header, res.Header["Connection"])
	for name := range res.Trailer { // as announced; the values come after the body
		header.Add("Trailer", name)
	}
	if body != nil && !body.drained.Load() {
		// An early answer. Without this the server would read the rest of the
		// body before it sends the answer.
		header.Set("Connection", "close")
	}
	w.WriteHeader(res.StatusCode)
	switch mediaType(res.Header) {
	case "text/event-stream":
		err = stream(w, r, res.Body)
	case "application/x-ndjson":
		err = copyBody(unhurried(w), res.Body)
	default:
		err = copyBody(w, res.Body)
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(header, res.Trailer)
}

// roundTrip tries each address at most once, until one accepts a connection.
// Before that nothing of the request is used up, so any method may be tried
// again. The transport itself repeats what is safe to repeat when a kept-alive
// connection turns out to be closed. An address that fails in any other way,
// such as by accepting and never answering, is left out for a while too.
func (p *Proxy) roundTrip(out *http.Request) (*http.Response, error) {
	var err error
	for _, a := range p.balancer.order() {
		var res *http.Response
		out.URL.Scheme, out.URL.Host, out.Host = a.scheme, a.host, a.host
		if res, err = p.transport.RoundTrip(out); err == nil {
			return res, nil
		}
		if _, ok := errors.AsType[bodyError](err); ok || out.Context().Err() != nil {
			return nil, err // the client's doing
		}
		a.eject()
		if dial, ok := errors.AsType[*net.OpError](err); !ok || dial.Op != "dial" {
			return nil, err
		}
	}
	return nil, httpserver.ErrUnavailable.Detailf("the service that answers here cannot be reached").Wrap(err)
}

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

// translate gives a failed round trip its fault; body is nil if there was none.
func translate(ctx context.Context, body *requestBody, err error) error {
	if ctx.Err() != nil {
		if body != nil && !body.drained.Load() {
			return errBody.Wrap(err) // the client may still read
		}
		return ctx.Err() // the client has left
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errTooLarge.Wrap(err)
	}
	if _, ok := errors.AsType[bodyError](err); ok {
		return errBody.Wrap(err)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errUpstreamTimeout.Wrap(err)
	}
	return errBadUpstream.Wrap(err)
}

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

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// copyBody copies an answer's body. It does not use io.Copy, which sends the
// headers in a packet of their own.
func copyBody(w io.Writer, body io.Reader) error {
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	for {
		n, err := body.Read(buf[:])
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func mediaType(h http.Header) string {
	t, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// stream copies a body that may go on for ever, each piece at once, free of the
// server's deadlines, which are made for answers that end. It ends well when
// the process is about to stop.
func stream(w http.ResponseWriter, r *http.Request, body io.ReadCloser) error {
	out := unhurried(w)
	if err := out.flush(); err != nil { // the first event may be long in coming
		return err
	}
	ended := make(chan struct{})
	defer close(ended)
	stopping := httpserver.Stopping(r.Context())
	go func() {
		select {
		case <-stopping:
			_ = body.Close() // ends the Read under way
		case <-ended:
		}
	}()
	err := copyBody(out, body)
	select {
	case <-stopping:
		return nil
	default:
		return err
	}
}

// unhurried returns a writer of an answer that may take longer than the server
// gives others, as long as its reader keeps reading.
func unhurried(w http.ResponseWriter) *flushed {
	out := &flushed{w: w, control: http.NewResponseController(w)}
	_ = out.control.SetReadDeadline(time.Time{})
	return out
}

// flushed sends on what is written to it at once.
type flushed struct {
	w       io.Writer
	control *http.ResponseController
}

func (f *flushed) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err != nil {
		return n, err
	}
	return n, f.flush()
}

func (f *flushed) flush() error {
	_ = f.control.SetWriteDeadline(time.Now().Add(streamStall))
	return f.control.Flush()
}
