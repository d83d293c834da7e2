package feed

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/httpserver"
)

const (
	// streamPage is the number of events that a stream reads at once.
	streamPage = 100
	// streamPiece is the number of bytes that a client has streamStall to read.
	streamPiece = 4 << 10
	// heartbeat is the interval of comments that keep the connection from being
	// closed as idle.
	heartbeat = 15 * time.Second
	// streamStall is how long a client may go without reading before it is
	// dropped.
	streamStall = 30 * time.Second
	// retry is the first line of a stream: the milliseconds after which the
	// client reconnects.
	retry = "retry: 1000\n\n"
)

// stream sends the requested events, and new ones as they are committed, until
// the client leaves, stops reading, or the server stops. A client that is
// further behind than the ring of the tail is served from the log.
func (f *Feed) stream(c *gin.Context, r request) error {
	ctx := c.Request.Context()
	f.streams.Inc()
	defer f.streams.Dec()
	t, leave, err := f.follow(ctx)
	if err != nil {
		return err
	}
	defer leave()
	b, err := f.readShared(ctx, r.origin, r.after, streamPage)
	if err != nil {
		return err
	}
	out := openStream(c)
	if c.Request.Method == http.MethodHead || out.send(retry) != nil || out.batch(b) != nil {
		return nil
	}
	for s := (spot{at: b.next}); !ended(ctx); {
		b, changed, err := f.next(ctx, t, &s, r.origin, streamPage)
		if err != nil {
			return err
		}
		if b != nil && out.batch(b) != nil || b == nil && !f.rest(ctx, t, out, &s, changed) {
			return nil
		}
	}
	return nil
}

// next returns the events that follow s, and moves s after them. If there are
// none, it returns a channel that is closed when there may be some.
func (f *Feed) next(ctx context.Context, t *tail, s *spot, origin string, limit int) (b *batch, changed <-chan struct{}, err error) {
	c, skip, changed, err := t.after(s)
	switch {
	case err != nil || changed != nil:
		return nil, changed, err
	case c != nil:
		if b, err = c.batch(f, origin); err != nil {
			return nil, nil, err
		}
		return b.from(skip, len(b.events)), nil, nil
	}
	if b, err = f.readShared(ctx, origin, s.at, limit); err == nil {
		s.at = b.next
	}
	return b, nil, err
}

// rest waits at the end of the log. It returns true when there may be new
// events, and false if the stream has to end. Meanwhile it sends heartbeats with
// new cursors, so that a client may reconnect within the retention time however
// old the last event is.
func (f *Feed) rest(ctx context.Context, t *tail, out *eventStream, s *spot, changed <-chan struct{}) (open bool) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-changed:
			return true
		case <-beat.C:
			if !t.refresh(s, changed) {
				return true
			}
			if out.send(": \nid: "+f.Cursor(s.at)+"\n\n") != nil {
				return false
			}
		case <-httpserver.Stopping(ctx):
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// ended reports whether a stream has to end because the server stops or the
// client has left.
func ended(ctx context.Context) bool {
	select {
	case <-httpserver.Stopping(ctx):
		return true
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// eventStream writes server-sent events.
type eventStream struct {
	w       gin.ResponseWriter
	control *http.ResponseController
}

// openStream begins the answer.
func openStream(c *gin.Context) *eventStream {
	out := &eventStream{w: c.Writer, control: http.NewResponseController(c.Writer)}
	httpserver.Extend(out.control, streamStall)
	c.Header("Content-Type", streamType)
	c.Header("Cache-Control", "no-store")
	c.Header("X-Accel-Buffering", "no")
	c.Status(http.StatusOK)
	return out
}

func (s *eventStream) batch(b *batch) error {
	if len(b.events) == 0 {
		return nil
	}
	for piece := range slices.Chunk(b.text[b.events[0].at:], streamPiece) {
		httpserver.Extend(s.control, streamStall)
		if _, err := s.w.Write(piece); err != nil {
			return err
		}
	}
	s.w.Flush()
	return nil
}

// send writes a piece of the stream and flushes it.
func (s *eventStream) send(text string) error {
	httpserver.Extend(s.control, streamStall)
	if _, err := s.w.WriteString(text); err != nil {
		return err
	}
	s.w.Flush()
	return nil
}
