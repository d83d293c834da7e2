package eventlog

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/concha-labs/backend/pkg/bus"
	"github.com/concha-labs/backend/pkg/logging"
	"github.com/concha-labs/backend/pkg/telemetry"
)

const (
	// relayBatch bounds the events that are read at once, and those of one
	// shard that are published at once.
	relayBatch = 500
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second
	// At shutdown, flushWithin bounds the publishing of the last events, and
	// leaveWithin the release of the leases.
	flushWithin = 1500 * time.Millisecond
	leaveWithin = 400 * time.Millisecond
)

// Relay publishes every event of a log at least once, and the events of one
// subject in order. Leases divide the shards among the relays of all replicas.
// A Relay never delays a request, because it reads only committed events.
type Relay struct {
	name    string
	origin  string
	log     Log
	pub     bus.Publisher
	zap     *zap.Logger
	replica string
	metrics *metrics
}

// RelayConfig describes a relay from Log to Publisher.
type RelayConfig struct {
	Name      string // identifies Log in metrics, log lines and spans
	Origin    string // of the API, which events point at
	Log       Log
	Publisher bus.Publisher
	Logger    *zap.Logger
}

// NewRelay returns a relay. Run starts it.
func NewRelay(cfg RelayConfig) *Relay {
	return &Relay{
		name: cfg.Name, origin: cfg.Origin, log: cfg.Log, pub: cfg.Publisher, replica: rand.Text(), metrics: newMetrics(cfg.Name),
		zap: cfg.Logger.With(zap.String("log", cfg.Name)),
	}
}

// Run publishes events until ctx is done, and then for a short time the events
// committed by then. Remaining events, and published events whose offset was
// not saved, are published by another replica or by the next Run. Run may be
// called only once.
func (r *Relay) Run(ctx context.Context) {
	defer r.metrics.observe()()
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(flushWithin, cancel) })()
	p := newPoller(r.log, r.metrics, r.zap)
	s := &saver{log: r.log, queue: make(chan save)}
	var services sync.WaitGroup
	services.Go(func() { p.run(work, ctx.Done()) })
	services.Go(func() { s.run(work) })
	h := &holder{log: r.log, zap: r.zap, replica: r.replica, metrics: r.metrics, poller: p, ended: make(chan struct{}, 1)}
	h.run(ctx, work, func(now, retired context.Context, lease Lease, after Offset) {
		(&shard{Relay: r, poller: p, saver: s, stop: ctx.Done(), lease: lease}).run(now, retired, after)
	})
	cancel()
	services.Wait()
	r.leave(context.WithoutCancel(ctx))
}

func (r *Relay) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaveWithin)
	defer cancel()
	if err := r.log.Leave(ctx, r.replica); err != nil {
		r.zap.Warn("the leases are not given up and will expire", zap.Error(err))
	}
}

// shard publishes one shard under one lease.
type shard struct {
	*Relay
	poller  *poller
	saver   *saver
	stop    <-chan struct{}
	lease   Lease
	backoff time.Duration
	limit   int // the number of events to publish at once
}

// run publishes the events after an offset until ctx ends or the lease is lost.
// It also ends, after saving the batch under way, when retired ends, or when
// the relay stops and nothing is left to publish. A batch is published while the
// offset of the one before is being saved, so a slow save delays no event.
func (s *shard) run(ctx, retired context.Context, after Offset) {
	s.backoff, s.limit = minBackoff, relayBatch
	retired, lose := context.WithCancel(retired)
	saved := make(chan struct{}, 1) // has a value while no save is under way
	saved <- struct{}{}
	defer func() { <-saved; lose() }()
	at := ShardOffset{Shard: s.lease.Shard, After: after}
	for again := true; ; {
		entries := s.poller.next(retired, at, again)
		if len(entries) == 0 {
			return
		}
		again = len(entries) > s.limit
		entries = entries[:min(len(entries), s.limit)]
		if err := s.publish(ctx, entries); err != nil {
			if !s.pause(retired, &s.backoff, zapcore.WarnLevel, "events are not published, trying again", entries, err) {
				return
			}
			// Start again with one event, so that a recovering broker is not
			// overwhelmed by the backlog and a slow one makes progress. Read
			// again, because events may have been erased meanwhile.
			s.limit, again = 1, true
			continue
		}
		at.After = entries[len(entries)-1].Offset
		<-saved
		go func() {
			if !s.save(ctx, retired, entries) {
				lose()
			}
			saved <- struct{}{}
		}()
		s.metrics.pending(at.Shard, time.Time{})
		s.backoff, s.limit = minBackoff, min(2*s.limit, relayBatch)
	}
}

// maxLinks bounds the links of one span.
const maxLinks = 128

// publish publishes entries under a span that is linked to those of the
// requests that wrote them.
func (s *shard) publish(ctx context.Context, entries []Entry) error {
	span := trace.SpanFromContext(ctx)
	if telemetry.Tracing() {
		var links []trace.Link
		for _, e := range entries[:min(len(entries), maxLinks)] {
			if link, ok := telemetry.LinkTo(e.Traceparent); ok {
				links = append(links, link)
			}
		}
		ctx, span = telemetry.Start(ctx, "eventlog", "publish "+s.name, trace.WithSpanKind(trace.SpanKindProducer), trace.WithLinks(links...),
			trace.WithAttributes(attribute.String("log", s.name), attribute.Int("shard", s.lease.Shard),
				attribute.String("first_event_id", entries[0].ID()), attribute.Int("messaging.batch.message_count", len(entries))))
	}
	err := s.pub.Publish(ctx, s.messages(entries))
	telemetry.End(span, err)
	if err != nil {
		return err
	}
	s.metrics.acknowledged(entries)
	if line := s.zap.Check(zap.DebugLevel, "events are published"); line != nil {
		line.Write(s.fields(entries)...)
	}
	return nil
}

// fields identify a batch in a log line.
func (s *shard) fields(entries []Entry) []zap.Field {
	return []zap.Field{
		zap.Int("shard", s.lease.Shard), zap.String("event_id", entries[0].ID()), zap.Int("events", len(entries)),
		logging.Trace(entries[0].Traceparent),
	}
}

// save saves the offset after entries, retrying for as long as necessary. It
// returns false if the lease was lost or the relay has to end.
func (s *shard) save(ctx, retired context.Context, entries []Entry) bool {
	upTo := entries[len(entries)-1].Offset
	backoff := minBackoff
	for {
		err := s.saver.save(ctx, Progress{Shard: s.lease.Shard, Epoch: s.lease.Epoch, UpTo: upTo})
		if err == nil {
			return true
		}
		if errors.Is(err, errLeaseLost) {
			s.zap.Info("another replica has taken over", zap.Int("shard", s.lease.Shard))
			return false
		}
		if !s.pause(retired, &backoff, s.saver.level(), "the published offset is not saved, trying again", entries, err) {
			return false
		}
	}
}

// pause waits for backoff after a failure, doubles it, and reports whether to
// try again. After stop it reports true only if stop came during the pause.
func (s *shard) pause(retired context.Context, backoff *time.Duration, level zapcore.Level, message string, entries []Entry, err error) bool {
	select {
	case <-retired.Done():
		return false
	case <-s.stop:
		return false
	default:
	}
	s.metrics.retried.Inc()
	s.zap.Log(level, message, append(s.fields(entries), zap.Duration("in", *backoff), zap.Error(err))...)
	timer := time.NewTimer(*backoff)
	defer timer.Stop()
	*backoff = min(2**backoff, maxBackoff)
	select {
	case <-timer.C:
	case <-s.stop:
	case <-retired.Done():
		return false
	}
	return true
}

func (r *Relay) messages(entries []Entry) []bus.Message {
	msgs := make([]bus.Message, len(entries))
	for i, e := range entries {
		msgs[i] = bus.Message{OrderingKey: e.Subject, Attributes: e.Attributes(r.origin), Data: e.Data}
	}
	return msgs
}
