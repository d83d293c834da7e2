package eventlog

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
)

const (
	// relayBatch bounds what is read at once, and so what is published at once
	// of one shard.
	relayBatch = 500
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second
	// flushWithin is what a stop leaves for the last events, and leaveWithin
	// what it leaves for giving up the leases.
	flushWithin = 1500 * time.Millisecond
	leaveWithin = 400 * time.Millisecond
)

// Relay publishes every event of a log, at least once, and those of one subject
// in order. It shares the shards with the relays of other replicas, by leases.
// It never delays a request: it reads what is already committed.
type Relay struct {
	origin  string
	log     Log
	pub     bus.Publisher
	zap     *zap.Logger
	replica string
	metrics metrics
}

// NewRelay returns a relay from log to pub. name is what its metrics call the
// log, and origin that of the API, which events point at. Run starts it.
func NewRelay(name, origin string, log Log, pub bus.Publisher, logger *zap.Logger) *Relay {
	return &Relay{origin: origin, log: log, pub: pub, zap: logger, replica: rand.Text(), metrics: newMetrics(name)}
}

// Run publishes until ctx is done, and then, for a moment, what was committed
// by that time. What remains is published by another replica, which can take
// over at once, or by the next Run, as is what was published but not saved as
// such. It runs once.
func (r *Relay) Run(ctx context.Context) {
	defer r.metrics.observe(r.zap)()
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(flushWithin, cancel) })()
	p := newPoller(r.log, r.metrics, r.zap)
	s := &saver{log: r.log, queue: make(chan save)}
	var services sync.WaitGroup
	services.Go(func() { p.run(work, ctx.Done()) })
	services.Go(func() { s.run(work) })
	h := &holder{log: r.log, zap: r.zap, replica: r.replica, metrics: r.metrics, ended: make(chan struct{}, 1)}
	h.run(ctx, work, func(now, retired context.Context, lease Lease, after Cursor) {
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
	limit   int // of events published at once
}

// run publishes the events after a cursor until ctx ends or the lease is lost.
// It also ends, once the batch under way is saved, when retired ends or when
// the relay stops and nothing is left to publish.
func (s *shard) run(ctx, retired context.Context, after Cursor) {
	s.backoff, s.limit = minBackoff, relayBatch
	at := ShardCursor{Shard: s.lease.Shard, After: after}
	for again := true; ; {
		entries := s.poller.next(retired, at, again)
		if len(entries) == 0 {
			return
		}
		again = len(entries) > s.limit
		entries = entries[:min(len(entries), s.limit)]
		if err := s.pub.Publish(ctx, s.messages(entries)); err != nil {
			if !s.pause(retired, "events are not published, trying again", err) {
				return
			}
			// A broker that comes back is not overrun by the backlog, and one that is
			// slow gets on. What is erased meanwhile is not told: it is read anew.
			s.limit, again = 1, true
			continue
		}
		at.After = entries[len(entries)-1].Cursor
		if !s.save(ctx, retired, at.After) {
			return
		}
		s.metrics.published(len(entries))
		s.metrics.pending(at.Shard, time.Time{})
		s.backoff, s.limit = minBackoff, min(2*s.limit, relayBatch)
	}
}

// save saves what is published, however long that takes, and returns false if
// it cannot any more.
func (s *shard) save(ctx, retired context.Context, upTo Cursor) bool {
	for {
		err := s.saver.save(ctx, Progress{Shard: s.lease.Shard, Epoch: s.lease.Epoch, UpTo: upTo})
		if err == nil {
			return true
		}
		if errors.Is(err, errLeaseLost) {
			s.zap.Info("another replica has taken over", zap.Int("shard", s.lease.Shard))
			return false
		}
		if !s.pause(retired, "the published cursor is not saved, trying again", err) {
			return false
		}
	}
}

// pause backs off after a failure and returns whether to try again: after stop,
// only if that came during the pause.
func (s *shard) pause(retired context.Context, what string, err error) bool {
	select {
	case <-retired.Done():
		return false
	case <-s.stop:
		return false
	default:
	}
	s.metrics.retried()
	s.zap.Warn(what, zap.Int("shard", s.lease.Shard), zap.Duration("in", s.backoff), zap.Error(err))
	timer := time.NewTimer(s.backoff)
	defer timer.Stop()
	s.backoff = min(2*s.backoff, maxBackoff)
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
