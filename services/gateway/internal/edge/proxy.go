package edge

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/telemetry"
)

const (
	connectTimeout = 2 * time.Second
	// headerTimeout bounds the wait for an answer to begin. A feed request
	// waits up to 30 s for events.
	headerTimeout = 35 * time.Second
	// silence is how long an address may answer no request at all before a
	// client that gives up counts as a failure.
	silence = time.Second
	// idleTimeout is less than the time after which a service closes a
	// connection that was never used. Such a connection is left over if another
	// one becomes free first. No request is therefore sent on a connection that
	// is being closed.
	idleTimeout = httpserver.ReadHeaderTimeout - time.Second
	// streamStall is how long a reader of an event stream or an export may go
	// without reading.
	streamStall = 30 * time.Second
)

var (
	errUpstreamTimeout = fault.New(fault.Unavailable, "upstream-timeout",
		"the upstream service did not answer in time")
	errBody = httpserver.ErrMalformed.Detailf("the body ended early or could not be read")
)

// Proxy passes requests to a service. It streams in both directions, does not
// buffer event streams, and does not support upgrades. It passes on the headers
// of the request without checks, so it must be behind the engine of New.
//
// A request fails with one of these problems:
//   - unavailable (503): no address accepted a connection within 2 s each.
//   - upstream-timeout (504): the answer did not begin, or the body was not
//     read, within 35 s.
//   - bad-upstream (502): the answer is not HTTP.
//
// If an answer breaks off, or pauses for 35 s, the answer to the client is
// aborted too, by http.ErrAbortHandler.
//
// It is safe for concurrent use.
type Proxy struct {
	service   string
	durations *telemetry.Series[int]
	balancer  *balancer
	transport *transport
	copies    *sync.Pool // of *copying

	introductions []Introduction
}

// NewProxy returns a proxy to a service, by its name, that has one or more
// addresses. They take turns. One that fails, answers 503, or is silent until
// clients leave, is left out for 5 s; then one request tries it out, and each
// further failure doubles the time, up to a minute. One that closes the
// connection after an answer is about to stop, and is left out for 5 s too. A
// request goes on to the next address if one accepts no connection; and, if it
// has no body and only reads, if one breaks the connection before an answer, or
// answers 503 while another has not failed.
func NewProxy(service string, addresses Addresses, introductions ...Introduction) *Proxy {
	dialer := &net.Dialer{Timeout: connectTimeout}
	return &Proxy{
		service:   service,
		durations: newSeries(service),
		balancer:  newBalancer(service, addresses),
		transport: newTransport(&http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    connectTimeout,
			ResponseHeaderTimeout:  headerTimeout,
			IdleConnTimeout:        idleTimeout,
			MaxIdleConnsPerHost:    512,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // answers pass unchanged
		}),
		copies:        &sync.Pool{New: newCopying},
		introductions: introductions,
	}
}

// Introduction adds the headers to a request by which a service knows who sends
// it. URL.Scheme and URL.Host are those of the address that it goes to.
type Introduction func(*http.Request) error

// introductionError is a failure of an Introduction, for which no address is to
// blame.
type introductionError struct{ error }

func (e introductionError) Unwrap() error { return e.error }

// each returns a proxy for each address.
func (p *Proxy) each() []http.Handler {
	proxies := make([]http.Handler, len(p.balancer.addresses))
	for i, a := range p.balancer.addresses {
		alone := &balancer{addresses: []*address{{scheme: a.scheme, host: a.host, ejections: a.ejections}}}
		proxies[i] = &Proxy{service: p.service, durations: p.durations, balancer: alone, transport: p.transport, copies: p.copies, introductions: p.introductions}
	}
	return proxies
}

// ServeHTTP passes r to the service, and the answer to w.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, body := outbound(r)
	res, err := p.roundTrip(out)
	if err != nil {
		httpserver.WriteError(w, r, translate(r.Context(), body, err))
		return
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusSwitchingProtocols {
		httpserver.WriteError(w, r, httpserver.ErrBadUpstream)
		return
	}

	header := w.Header()
	varies := header["Vary"] // set by the edge
	for name, values := range res.Header {
		if !isOfOneHop(name) {
			header[name] = values
		}
	}
	if added := res.Header["Vary"]; len(varies) > 0 && len(added) > 0 {
		header["Vary"] = slices.Concat(varies, added)
	}
	removeNominated(header, res.Header["Connection"])
	for name := range res.Trailer { // as announced; the values follow the body
		header.Add("Trailer", name)
	}
	if body != nil && !body.drained.Load() {
		// An early answer. Without this the server would read the rest of the
		// body before it sends the answer.
		httpserver.CloseUnread(header, r)
	}
	w.WriteHeader(res.StatusCode)
	var kind string
	if res.ContentLength < 0 { // otherwise it is not a stream
		kind = mediaType(res.Header)
	}
	switch kind {
	case "text/event-stream":
		err = p.stream(w, r, res.Body)
	case "application/x-ndjson":
		err = p.copyBody(unhurried(w), res.Body)
	default:
		err = p.copyBody(w, res.Body)
	}
	if _, unread := errors.AsType[clientError](err); unread {
		panic(http.ErrAbortHandler)
	} else if err != nil {
		httpserver.WriteError(w, r, translate(r.Context(), nil, err))
		return
	}
	maps.Copy(header, res.Trailer)
}

// roundTrip tries each address at most once, until one accepts a connection.
// Before a connection is made, nothing of the request is used up, so any
// request may be sent to the next address. Afterwards, only a repeatable one
// may. The transport itself retries safe requests if a kept-alive connection
// turns out to be closed.
func (p *Proxy) roundTrip(out *http.Request) (*http.Response, error) {
	var err error
	order, fit := p.balancer.order()
	for i, a := range order {
		var res *http.Response
		out.URL.Scheme, out.URL.Host, out.Host = a.scheme, a.host, a.host
		began, answers := time.Now(), a.answers.Load()
		if res, err = p.ask(out); err == nil {
			a.answers.Add(1)
			if res.StatusCode != http.StatusServiceUnavailable {
				if res.Close && isSent(out) {
					a.rest(began)
				} else {
					a.restore()
				}
				return res, nil
			}
			a.eject(began)
			if i+1 >= fit || !repeatable(out) {
				return res, nil
			}
			_ = res.Body.Close()
			continue
		}
		if _, ok := errors.AsType[bodyError](err); ok {
			return nil, err
		}
		if _, ok := errors.AsType[introductionError](err); ok {
			return nil, err
		}
		if out.Context().Err() != nil { // the client has left
			if isDue(out) && a.answers.Load() == answers && (a.suspect.Load() || time.Since(began) >= silence) {
				a.eject(began)
			}
			return nil, err
		}
		a.eject(began)
		if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
			continue
		}
		if !isBroken(err) || !repeatable(out) || i+1 == len(order) {
			return nil, err
		}
	}
	return nil, httpserver.ErrUnavailable.Detailf("the upstream service cannot be reached").Wrap(err)
}

// isDue reports whether the answer to r should begin soon: the service has all
// of r, and r is not a long poll.
func isDue(r *http.Request) bool { return isSent(r) && !r.URL.Query().Has("wait") }

// isSent reports whether the service has all of r. Its answer to less closes the
// connection.
func isSent(r *http.Request) bool {
	body, ok := r.Body.(*requestBody)
	return !ok || body.drained.Load()
}

// repeatable reports whether r can be sent again with the same answer. A
// repeated DELETE would find nothing.
func repeatable(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return r.Body == nil
	}
	return false
}

// isBroken reports whether a request failed because its connection was closed.
func isBroken(err error) bool {
	for _, target := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, target) {
			return true
		}
	}
	// The transport's error has no type if the connection was closed before the
	// request was written.
	return strings.HasSuffix(err.Error(), "server closed idle connection")
}

// translate maps the error of a round trip to a fault. body is nil if there was
// none.
func translate(ctx context.Context, body *requestBody, err error) error {
	if ctx.Err() != nil {
		if body != nil && !body.drained.Load() {
			return errBody.Wrap(err) // the client may still be reading
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
	return httpserver.ErrBadUpstream.Wrap(err)
}
