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

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/fault"
	"github.com/concha-labs/backend/pkg/logging"
	"github.com/concha-labs/backend/pkg/telemetry"
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
	metrics metrics
}

// NewSession returns a session of a subscription, by its name, that hands
// messages to h, at most width at a time, until stop is done. Drain or Close
// ends it.
func NewSession(stop context.Context, subscription string, h bus.Handler, width int, b Backoff, log *zap.Logger) *Session {
	ctx, cancel := context.WithCancel(context.WithoutCancel(stop))
	return &Session{
		stop: stop, ctx: ctx, cancel: cancel, handler: h, backoff: b,
		slots: make(chan struct{}, width),
		log:   log.With(zap.String("subscription", subscription)), metrics: newMetrics(subscription),
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
		if err == nil {
			s.metrics.done(msg)
			if line := s.log.Check(zap.DebugLevel, "a message is handled"); line != nil {
				line.Write(Fields(msg)...)
			}
			return true, nil
		}
		if bus.Permanent(err) {
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
		s.metrics.retried.Inc()
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

// try makes one attempt, under a span in the trace of the request that wrote
// the event.
func (s *Session) try(msg bus.Message) (err error) {
	ctx := s.ctx
	if telemetry.Tracing() {
		var span trace.Span
		ctx, span = telemetry.Start(telemetry.WithRemote(ctx, msg.Attributes["ce-traceparent"]), "bus", "handle "+s.metrics.subscription,
			trace.WithSpanKind(trace.SpanKindConsumer),
			trace.WithAttributes(attribute.String("subscription", s.metrics.subscription), attribute.String("event_id", msg.Attributes["ce-id"])))
		defer func() { telemetry.End(span, err) }()
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("handler panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return s.handler(ctx, msg)
}

// DeadLettered notes and logs that msg was set aside for a reason.
func (s *Session) DeadLettered(msg bus.Message, reason error) {
	s.metrics.deadLettered.Inc()
	s.log.Error("dead-lettered a message that cannot be handled", append(Fields(msg), zap.Error(reason))...)
}

// DeadLetterFailed logs that msg, which cannot be handled for a reason, cannot
// be set aside either.
func (s *Session) DeadLetterFailed(msg bus.Message, reason, err error) {
	s.log.Error("a message that cannot be handled cannot be dead-lettered either",
		append(Fields(msg), zap.Error(reason), zap.NamedError("dead_letter_error", err))...)
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
	return []zap.Field{
		zap.String("ordering_key", msg.OrderingKey), zap.String("event_id", msg.Attributes["ce-id"]),
		logging.Trace(msg.Attributes["ce-traceparent"]),
	}
}
