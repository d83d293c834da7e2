package eventlog

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/bus"
)

const (
	relayBatch = 500
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second
	// pollEvery finds what another process committed, or this one just before
	// it died. Local commits do not wait for it.
	pollEvery = 5 * time.Second
	// flushWithin is what a stop leaves for the last events.
	flushWithin = 1500 * time.Millisecond
)

// Relay publishes every event of a log, at least once, and those of one subject
// in order. It never delays a request: it reads what is already committed.
type Relay struct {
	log Log
	pub bus.Publisher
	zap *zap.Logger
}

// NewRelay returns a relay from log to pub. Run starts it.
func NewRelay(log Log, pub bus.Publisher, logger *zap.Logger) *Relay {
	return &Relay{log: log, pub: pub, zap: logger}
}

// Run publishes until ctx is done, and then, for a moment, what was committed
// by that time. What remains is published by the next Run, as is what was
// published but not saved as such.
func (r *Relay) Run(ctx context.Context) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(flushWithin, cancel) })()
	var wg sync.WaitGroup
	for shard, wake := range r.log.Wake() {
		wg.Go(func() { r.runShard(work, ctx.Done(), shard, wake) })
	}
	wg.Wait()
}

func (r *Relay) runShard(ctx context.Context, stop <-chan struct{}, shard int, wake <-chan struct{}) {
	backoff := minBackoff
	for stopping := false; ; {
		err := r.drain(ctx, shard)
		if stopping || ctx.Err() != nil {
			return
		}
		if err == nil {
			backoff = minBackoff
			stopping = wait(stop, wake, pollEvery)
			continue
		}
		r.zap.Warn("events are not published, trying again", zap.Int("shard", shard), zap.Duration("in", backoff), zap.Error(err))
		stopping = wait(stop, nil, backoff)
		backoff = min(2*backoff, maxBackoff)
	}
}

// wait returns when wake is sent to or the time is over, or true on stop.
func wait(stop, wake <-chan struct{}, at time.Duration) (stopping bool) {
	timer := time.NewTimer(at)
	defer timer.Stop()
	select {
	case <-wake:
	case <-timer.C:
	case <-stop:
		return true
	}
	return false
}

// drain publishes what the shard holds after its saved cursor.
func (r *Relay) drain(ctx context.Context, shard int) error {
	cursor, err := r.log.Published(ctx, shard)
	if err != nil {
		return fmt.Errorf("read the published cursor: %w", err)
	}
	for {
		entries, err := r.log.Read(ctx, shard, cursor, relayBatch)
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if len(entries) == 0 {
			return nil
		}
		msgs := make([]bus.Message, len(entries))
		for i, e := range entries {
			msgs[i] = bus.Message{OrderingKey: e.Subject, Attributes: e.Attributes(), Data: e.Data}
		}
		if err := r.pub.Publish(ctx, msgs); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		cursor = entries[len(entries)-1].Cursor
		if err := r.log.SavePublished(ctx, shard, cursor); err != nil {
			return fmt.Errorf("save the published cursor: %w", err)
		}
		if len(entries) < relayBatch {
			return nil
		}
	}
}
