// Package feed serves an event log over HTTP: as pages, as a stream, and as the
// histories of single resources.
package feed

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/singleflight"

	"github.com/concha-labs/backend/pkg/caller"
	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/httpserver"
	"github.com/concha-labs/backend/pkg/rest"
)

const (
	// CursorHeader is the header with the cursor from which to continue.
	CursorHeader = "Concha-Feed-Cursor"

	defaultLimit = 100
	maxLimit     = 1000
	maxWait      = 30 // seconds

	// clockSkew is how far ahead the clock of a client may be.
	clockSkew = time.Minute
)

var openStreams = promauto.NewGaugeVec(prometheus.GaugeOpts{
	Name: "concha_open_streams",
	Help: "Requests to a feed that wait for events.",
}, []string{"log", "kind"})

// Feed is the feed of one log. It is safe for concurrent use.
type Feed struct {
	name  string
	log   eventlog.Reader
	reads singleflight.Group

	mu   sync.Mutex
	tail *tail // nil without followers

	streams, polls prometheus.Gauge // of openStreams
}

// New returns the feed of a log. name is part of its cursors, so that a cursor
// of another feed is refused.
func New(name string, log eventlog.Reader) *Feed {
	return &Feed{
		name: name, log: log,
		streams: openStreams.WithLabelValues(name, "stream"), polls: openStreams.WithLabelValues(name, "poll"),
	}
}

// Get answers with the events after a cursor, after a time, or from the oldest
// one on: as a batch of CloudEvents, or as a stream if the client accepts
// text/event-stream. Pass it to httpserver.Handle.
func (f *Feed) Get(c *gin.Context) error {
	c.Writer.Header().Add("Vary", "Accept") // in addition to the edge's
	stream := wantsStream(c.Request.Header.Values("Accept"))
	r, err := f.request(c, stream)
	switch {
	case err != nil:
	case stream:
		err = f.stream(c, r)
	default:
		err = f.batch(c, r)
	}
	if errors.Is(err, eventlog.ErrPosition) {
		err = fault.Invalidate(notOurs(r.source))
	}
	return err
}

// wantsStream reports whether a client accepts an event stream and prefers it
// to a batch: by its quality, or if both have the same, by their order. A quality
// that is broken counts as 1.
func wantsStream(accept []string) bool {
	stream, batch, streamFirst := -1.0, -1.0, false
	for mediaRange := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		mediaType, parameters, _ := strings.Cut(mediaRange, ";")
		quality := 1.0
		for parameter := range strings.SplitSeq(parameters, ";") {
			name, value, _ := strings.Cut(parameter, "=")
			if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && strings.EqualFold(strings.TrimSpace(name), "q") {
				quality = q
			}
		}
		switch strings.ToLower(strings.TrimSpace(mediaType)) {
		case streamType:
			stream, streamFirst = max(stream, quality), streamFirst || batch < 0
		case batchType:
			batch = max(batch, quality)
		}
	}
	return stream > 0 && (stream > batch || stream == batch && streamFirst)
}

// request is a parsed request for events.
type request struct {
	origin string // the origin under which the client uses the API
	after  eventlog.Position
	source string // the parameter or header that contains after
	limit  int
	wait   time.Duration
}

func (f *Feed) request(c *gin.Context, stream bool) (request, error) {
	q, err := rest.ReadQuery(c.Request)
	if err != nil {
		return request{}, err
	}
	r := request{origin: httpserver.PublicURL(c.Request), source: "after"}
	after, since := q.Text("after"), q.Time("since")
	if !stream {
		r.limit = integer(q, "limit", 1, maxLimit, defaultLimit)
		r.wait = time.Duration(integer(q, "wait", 0, maxWait, 0)) * time.Second
	}
	if after != nil && !since.IsZero() {
		q.Violate("since", "must not be given together with after")
	}
	if time.Until(since) > clockSkew {
		q.Violate("since", "must not be in the future")
	}
	if id := c.GetHeader("Last-Event-ID"); stream && id != "" {
		after, r.source, since = &id, "Last-Event-ID", time.Time{}
	}
	if after != nil {
		var ok bool
		if r.after, ok = f.position(*after); !ok {
			v := notOurs(r.source)
			q.Violate(v.Pointer, v.Detail)
		}
	}
	if err := q.Err(); err != nil {
		return request{}, err
	}
	if !since.IsZero() {
		r.after, err = f.log.Since(c.Request.Context(), since)
	}
	return r, err
}

func notOurs(source string) fault.Violation {
	return fault.Violation{Pointer: source, Detail: "must be a cursor of this feed, as it was given"}
}

// integer returns a parameter that must be in a range, or otherwise if it is
// absent.
func integer(q *rest.Query, name string, least, most, otherwise int64) int {
	n := q.Int(name)
	if n == nil {
		return int(otherwise)
	}
	if *n < least || *n > most {
		q.Violate(name, "must be in "+strconv.FormatInt(least, 10)+".."+strconv.FormatInt(most, 10))
	}
	return int(*n)
}

// Pin sets CursorHeader on a page of a list, if the caller may follow the feed,
// and returns the cursor for the token of the next page. Every page of a list has
// the cursor of the first page, which is the position in the log when that page
// was read. A client that reads all pages and then follows the feed from the
// cursor misses no change. The token of another caller has the beginning of the
// log, so that it does not show how many events there are.
func (f *Feed) Pin(c *gin.Context, list *rest.Query, first eventlog.Position) (cursor string) {
	if !caller.From(c.Request.Context()).MayFollow() {
		return f.Cursor(eventlog.Position{})
	}
	if cursor = list.Cursor(); cursor == "" {
		cursor = f.Cursor(first)
	}
	c.Header(CursorHeader, cursor)
	return cursor
}

// batch answers with the events after a position. If there are none, it waits
// for as long as the client requested, or until the server stops.
func (f *Feed) batch(c *gin.Context, r request) (err error) {
	ctx := c.Request.Context()
	b := &batch{next: r.after}
	if r.wait == 0 || !f.atEnd(r.after) {
		b, err = f.read(ctx, r.origin, r.after, r.limit)
	}
	if r.wait > 0 && err == nil && len(b.events) == 0 {
		b, err = f.await(ctx, b.next, r)
	}
	if err != nil {
		return err
	}
	next := f.Cursor(b.next)
	c.Header(CursorHeader, next)
	link(c, "after", next, "since")
	b.answer(c)
	return nil
}

// atEnd reports whether p is the end of the log for the tail that runs. A client
// that waits for the event after it needs no read.
func (f *Feed) atEnd(p eventlog.Position) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tail != nil && f.tail.endsAt(p)
}

// await returns the first events after a position. When the time is over it
// returns none.
func (f *Feed) await(ctx context.Context, after eventlog.Position, r request) (*batch, error) {
	over := time.NewTimer(r.wait)
	defer over.Stop()
	f.polls.Inc()
	defer f.polls.Dec()
	t, leave, err := f.follow(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	for s := (spot{at: after}); ; {
		b, changed, err := f.next(ctx, t, &s, r.origin, r.limit)
		switch {
		case err != nil:
			return nil, err
		case b != nil && len(b.events) > 0:
			return b.from(0, r.limit), nil
		case changed == nil:
			continue
		}
		select {
		case <-changed:
		case <-over.C:
			t.refresh(&s, changed)
			return &batch{next: s.at}, nil
		case <-httpserver.Stopping(ctx):
			return &batch{next: s.at}, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// link sets the Link header to the URL of this request with another value of
// one parameter and without the given ones.
func link(c *gin.Context, name, value string, without ...string) {
	query := c.Request.URL.Query()
	query.Set(name, value)
	for _, w := range without {
		query.Del(w)
	}
	address := url.URL{Path: c.Request.URL.Path, RawQuery: query.Encode()}
	c.Header("Link", "<"+httpserver.PublicURL(c.Request)+address.String()+`>; rel="next"`)
}

// answer sends the batch.
func (b *batch) answer(c *gin.Context) {
	size := len("[]") + len(b.events)
	for _, e := range b.events {
		size += len(e.json)
	}
	body := make([]byte, 0, size)
	body = append(body, '[')
	for i, e := range b.events {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, e.json...)
	}
	body = append(body, ']')
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Length", strconv.Itoa(len(body)))
	c.Data(http.StatusOK, batchType, body)
}
