package feed

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concha-labs/backend/pkg/eventlog"
	"github.com/concha-labs/backend/pkg/httpserver"
)

const (
	// streamPage is the number of events that a stream holds in memory.
	streamPage = 100
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
// the client leaves, stops reading, or the server stops. It holds at most one
// page in memory: unread events remain in the log.
func (f *Feed) stream(c *gin.Context, r request) error {
	ctx := c.Request.Context()
	f.streams.Inc()
	defer f.streams.Dec()
	defer f.tail.follow()()
	changed := f.tail.changed()
	b, err := f.read(ctx, r.origin, r.after, streamPage)
	if err != nil {
		return err
	}
	out := openStream(c)
	if c.Request.Method == http.MethodHead || out.send(retry) != nil {
		return nil
	}
	for {
		if out.batch(b) != nil {
			return nil
		}
		next, open := b.next, true
		if !b.full {
			next, open = f.rest(ctx, out, changed, next)
		}
		if !open || ended(ctx) {
			return nil
		}
		changed = f.tail.changed()
		if b, err = f.readShared(ctx, changed, r.origin, next, streamPage); err != nil {
			return err
		}
	}
}

// rest waits at the end of the log and returns when there may be new events,
// with the position to continue from. open is false if the stream has to end.
// Meanwhile rest sends heartbeats with new cursors, so that a client may
// reconnect within the retention time however old the last event is.
func (f *Feed) rest(ctx context.Context, out *eventStream, changed <-chan struct{}, at eventlog.Position) (next eventlog.Position, open bool) {
	resting := time.Now()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-changed:
			return at, true
		case <-beat.C:
			if end, ok := f.tail.end(changed, resting); ok {
				at = end
			}
			if out.send(": \nid: "+f.Cursor(at)+"\n\n") != nil {
				return at, false
			}
		case <-httpserver.Stopping(ctx):
			return at, false
		case <-ctx.Done():
			return at, false
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
	for _, e := range b.events {
		httpserver.Extend(s.control, streamStall)
		for _, part := range [...]string{"id: ", e.cursor, "\nevent: ", e.kind, "\ndata: "} {
			if _, err := s.w.WriteString(part); err != nil {
				return err
			}
		}
		if _, err := s.w.Write(e.json); err != nil {
			return err
		}
		if _, err := s.w.WriteString("\n\n"); err != nil {
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
