package edge

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/concha-labs/backend/pkg/httpserver"
)

// transport sends requests to services. A request that only reads, has no body,
// and goes over plain HTTP/1.1 is written, and its answer read, by the goroutine
// of the request. http.Transport, which sends all others, passes each request to
// two more goroutines, and they take a sixth of the gateway's time.
//
// Like http.Transport, it keeps connections for later requests, repeats a request
// if the service has closed a kept connection, and closes the connection of a
// request whose context ends.
type transport struct {
	*http.Transport // its settings apply to all requests

	open atomic.Int64 // number of connections
	many int64        // number from which on unused connections are closed before another is opened

	mu   sync.Mutex
	kept map[string][]*link // by host, the one used last at the end
}

// link is a connection to a service that serves one request at a time.
type link struct {
	net.Conn
	host      string
	reader    *bufio.Reader
	writer    *bufio.Writer
	remaining int64       // bytes that may be read
	expiry    *time.Timer // drops the link when nothing uses it
}

// newTransport returns a transport whose connections are opened by
// settings.DialContext, and are bounded.
func newTransport(settings *http.Transport) *transport {
	t := &transport{Transport: settings, many: httpserver.MaxConnections() * 3 / 4, kept: map[string][]*link{}}
	settings.DialContext = t.bounded(settings.DialContext)
	return t
}

var (
	errLongHeader = errors.New("the header of the answer is too long")
	errStatus     = errors.New("the status of the answer is not one of HTTP")
)

// RoundTrip implements http.RoundTripper. Errors: those of the context of r, of
// the connection, and of http.ReadResponse.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !repeatable(r) || r.URL.Scheme != "http" {
		return t.Transport.RoundTrip(r)
	}
	for {
		l, fresh, err := t.link(r)
		if err != nil {
			return nil, err
		}
		res, began, err := t.exchange(l, r)
		if err == nil {
			return res, nil
		}
		_ = l.Close()
		if ended := r.Context().Err(); ended != nil {
			return nil, ended
		}
		if fresh || began || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, err
		}
	}
}

// link returns a link for r, and whether it is a new one.
func (t *transport) link(r *http.Request) (l *link, fresh bool, err error) {
	if l := t.take(r.URL.Host); l != nil {
		return l, false, nil
	}
	if l, err = t.connect(r); err == nil {
		return l, true, nil
	}
	if r.Context().Err() == nil {
		if l := t.take(r.URL.Host); l != nil { // it has become free meanwhile
			return l, false, nil
		}
	}
	return nil, false, err
}

// connect opens a connection for r.
func (t *transport) connect(r *http.Request) (*link, error) {
	conn, err := t.DialContext(r.Context(), "tcp", net.JoinHostPort(r.URL.Hostname(), cmp.Or(r.URL.Port(), "80")))
	if err != nil {
		return nil, err
	}
	l := &link{Conn: conn, host: r.URL.Host}
	l.reader, l.writer = bufio.NewReader(l), bufio.NewWriter(l)
	return l, nil
}

// exchange sends r on l and returns the answer. Its body must be read to the end,
// or closed. After an error, l must be closed; began reports whether the answer
// had begun.
func (t *transport) exchange(l *link, r *http.Request) (res *http.Response, began bool, err error) {
	stop := context.AfterFunc(r.Context(), func() { _ = l.Close() })
	l.remaining = t.MaxResponseHeaderBytes
	if err = l.send(r, time.Now().Add(t.ResponseHeaderTimeout)); err == nil {
		_, err = l.reader.Peek(1)
	}
	if err != nil {
		stop()
		return nil, false, err
	}
	res, err = http.ReadResponse(l.reader, r)
	for err == nil && res.StatusCode/100 == 1 && res.StatusCode != http.StatusSwitchingProtocols {
		res, err = http.ReadResponse(l.reader, r)
	}
	if err == nil && res.StatusCode < http.StatusContinue {
		err = errStatus
	}
	if err != nil {
		stop()
		return nil, true, err
	}
	l.remaining = math.MaxInt64
	b := &answerBody{ReadCloser: res.Body, transport: t, link: l, stop: stop}
	b.last = res.Close || res.StatusCode == http.StatusSwitchingProtocols
	switch whole := int64(l.reader.Buffered()) >= res.ContentLength && res.ContentLength >= 0; {
	case res.Body == http.NoBody:
		b.end()
		return res, true, nil
	case !whole:
		err = l.SetReadDeadline(time.Time{}) // the reader of the body bounds the time
	}
	res.Body = b
	return res, true, err
}

// send writes r. The answer must begin before deadline.
func (l *link) send(r *http.Request, deadline time.Time) error {
	if err := l.SetReadDeadline(deadline); err != nil {
		return err
	}
	if err := r.Write(l.writer); err != nil {
		return err
	}
	return l.writer.Flush()
}

// Read reads at most the bytes that remain.
func (l *link) Read(p []byte) (int, error) {
	if l.remaining <= 0 {
		return 0, errLongHeader
	}
	n, err := l.Conn.Read(p)
	l.remaining -= int64(n)
	return n, err
}

// answerBody is the body of an answer. After its end, the link serves another
// request.
type answerBody struct {
	io.ReadCloser
	transport *transport
	link      *link
	last      bool        // link serves no other request
	stop      func() bool // prevents the end of the context from closing link
	done      atomic.Bool
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.end()
	}
	return n, err
}

// Close may be called during Read, which it ends.
func (b *answerBody) Close() error {
	if b.done.Swap(true) {
		return nil
	}
	b.stop()
	return b.link.Close()
}

// end keeps the link, unless something speaks against using it again.
func (b *answerBody) end() {
	if b.done.Swap(true) {
		return
	}
	// Bytes after the answer are not the answer to the next request.
	if !b.stop() || b.last || b.link.reader.Buffered() > 0 || !b.transport.keep(b.link) {
		_ = b.link.Close()
	}
}

// keep reports whether it keeps l for a later request.
func (t *transport) keep(l *link) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept[l.host]) >= t.MaxIdleConnsPerHost {
		return false
	}
	t.kept[l.host] = append(t.kept[l.host], l)
	if l.expiry == nil {
		l.expiry = time.AfterFunc(t.IdleConnTimeout, func() { t.drop(l) })
	} else {
		l.expiry.Reset(t.IdleConnTimeout)
	}
	return true
}

// take returns the link to host that was used last, or nil if there is none that
// can serve a request.
func (t *transport) take(host string) *link {
	for {
		l := t.last(host)
		if l == nil || l.expiry.Stop() && l.isQuiet() {
			return l
		}
		_ = l.Close()
	}
}

// last removes and returns the last link of kept, or nil if there is none.
func (t *transport) last(host string) *link {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := t.kept[host]
	if len(kept) == 0 {
		return nil
	}
	l := kept[len(kept)-1]
	t.kept[host] = slices.Delete(kept, len(kept)-1, len(kept))
	return l
}

// drop closes l, which no request has used for IdleConnTimeout.
func (t *transport) drop(l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.kept[l.host], l); i >= 0 {
		t.kept[l.host] = slices.Delete(t.kept[l.host], i, i+1)
	}
	_ = l.Close()
}

// CloseIdleConnections closes the connections that are not in use.
func (t *transport) CloseIdleConnections() {
	t.Transport.CloseIdleConnections()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, kept := range t.kept {
		for _, l := range kept {
			l.expiry.Stop()
			_ = l.Close()
		}
	}
	clear(t.kept)
}
