// Package delivery implements the part that all subscribers share between the
// broker and the handler: attempts, back-off, dead-lettering and the wait at
// the end of Receive.
package delivery

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/fault"
)

// At the end of Receive, the context of running handlers ends after Grace.
// Drain stops waiting for handlers that ignore it after Limit.
const (
	Grace = 1500 * time.Millisecond
	Limit = 2 * time.Second
)

// Backoff is the pause between two attempts: Base, doubled each time up to Max.
type Backoff struct{ Base, Max time.Duration }

// After returns the pause after the given attempt, counted from 1.
func (b Backoff) After(attempt int) time.Duration {
	d := b.Base
	for range attempt - 1 {
		if d >= b.Max {
			break
		}
		d *= 2
	}
	return min(d, b.Max)
}

// Session is one call of Receive.
type Session struct {
	stop    context.Context
	ctx     context.Context // the context of the handlers
	cancel  context.CancelFunc
	handler bus.Handler
	backoff Backoff
	slots   chan struct{}
	log     *zap.Logger
}

// NewSession returns a session that passes messages to h, at most width at a
// time, until stop is done. Drain or Close ends it.
func NewSession(stop context.Context, h bus.Handler, width int, b Backoff, log *zap.Logger) *Session {
	ctx, cancel := context.WithCancel(context.WithoutCancel(stop))
	return &Session{
		stop: stop, ctx: ctx, cancel: cancel, handler: h, backoff: b,
		slots: make(chan struct{}, width), log: log,
	}
}

// Stopping reports whether the session is ending.
func (s *Session) Stopping() bool { return s.stop.Err() != nil }

// Acquire takes a slot for a message. It returns false if the session stops
// before a slot is free.
func (s *Session) Acquire() bool {
	if s.Stopping() {
		return false
	}
	select {
	case s.slots <- struct{}{}:
		return true
	case <-s.stop.Done():
		return false
	}
}

// Release returns a slot.
func (s *Session) Release() { <-s.slots }

// Deliver calls the handler with msg until the message is settled. It returns
// (true, nil) if the message was handled, and (true, reason) if it has to be
// dead-lettered. It returns (false, reason) if the session stopped or ctx ended
// first; the message has to be delivered again then. ctx bounds the attempts
// and is not passed to the handler.
func (s *Session) Deliver(ctx context.Context, msg bus.Message) (settled bool, err error) {
	for attempt, failures := 1, 0; ; attempt++ {
		if err := cmp.Or(ctx.Err(), s.stop.Err()); err != nil {
			return false, err
		}
		err := s.try(msg.Clone())
		if err == nil || bus.Permanent(err) {
			return true, err
		}
		if ctx.Err() != nil || s.Stopping() {
			return false, err
		}
		if fault.KindOf(err) != fault.Unavailable {
			failures++
		}
		if failures == bus.MaxAttempts {
			return true, err
		}
		pause := s.backoff.After(attempt)
		s.log.Warn("handling a message failed, trying again",
			append(Fields(msg), zap.Int("attempt", attempt), zap.Duration("pause", pause), zap.Error(err))...)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		case <-s.stop.Done():
		}
	}
}

func (s *Session) try(msg bus.Message) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("handler panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return s.handler(s.ctx, msg)
}

// Drain waits for the messages that hold a slot, at most Limit, and closes the
// session. It must be called once, after stop is done.
func (s *Session) Drain() {
	defer s.Close()
	defer time.AfterFunc(Grace, s.cancel).Stop()
	limit := time.After(Limit)
	for range cap(s.slots) {
		select {
		case s.slots <- struct{}{}:
		case <-limit:
			return
		}
	}
}

// Close cancels the context of the handlers.
func (s *Session) Close() { s.cancel() }

// Fields returns the log fields that identify msg.
func Fields(msg bus.Message) []zap.Field {
	return []zap.Field{zap.String("ordering_key", msg.OrderingKey), zap.String("event_id", msg.Attributes["ce-id"])}
}
