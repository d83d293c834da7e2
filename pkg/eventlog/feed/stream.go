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
	// streamPage is how many events a stream holds in memory at once.
	streamPage = 100
	// heartbeat keeps the connection from being taken for dead on its way.
	heartbeat = 15 * time.Second
	// streamStall is how long a client may not read before it is dropped.
	streamStall = 30 * time.Second
	// retry is the first of what a stream sends: the milliseconds after which
	// its client comes back.
	retry = "retry: 1000\n\n"
)

// stream sends the events that are asked for as they are committed, until the
// client leaves or does not read any more, or the server stops. It keeps no
// more of them than a page: what a client has not read yet is in the log.
func (f *Feed) stream(c *gin.Context, r request) error {
	ctx := c.Request.Context()
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

// rest returns when there may be something after a position at which the log
// ended, and that position; open is false if the stream has to end. In between
// it sends heartbeats that tell the client ever later cursors, so that it can
// stay away for as long as events are kept, however little happened before.
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

// ended reports whether a stream has to end: the server stops, or the client
// has left.
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

// openStream begins the answer, free of the server's deadlines, which are made
// for answers that end.
func openStream(c *gin.Context) *eventStream {
	out := &eventStream{w: c.Writer, control: http.NewResponseController(c.Writer)}
	_ = out.control.SetReadDeadline(time.Time{}) // not all writers of tests can
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
		_ = s.control.SetWriteDeadline(time.Now().Add(streamStall))
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

// send sends a piece of the stream at once.
func (s *eventStream) send(text string) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(streamStall))
	if _, err := s.w.WriteString(text); err != nil {
		return err
	}
	s.w.Flush()
	return nil
}
