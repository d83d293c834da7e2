package eventlog

import (
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// A poller finds the events that other replicas commit, and those that this
// process committed just before it crashed. Local commits wake it without
// waiting for a poll.
const (
	// busyPoll is the interval for busyFor after a poll found an event or, if
	// there are other replicas, this process committed one: they probably commit
	// too. With 20 replicas and one write a second, either happens every 9
	// seconds on average, and each event must still be published promptly.
	busyPoll = 25 * time.Millisecond
	busyFor  = 45 * time.Second
	// idlePoll is the interval at other times.
	idlePoll = time.Second
	// readGap is the minimum interval between two reads that find events, so
	// that under load one read serves several events.
	readGap = 10 * time.Millisecond
)

// poller reads for all shards that wait for events in one call.
type poller struct {
	log     Log
	metrics *metrics
	zap     *zap.Logger
	asks    chan *ask
	others  atomic.Bool // other replicas have shards
	waiting [Shards]*ask
	due     [Shards]bool      // there are, or may be, unread events
	looked  [Shards]time.Time // when the last read found nothing
}

// ask is a request of a shard for events.
type ask struct {
	ctx   context.Context //nolint:containedctx // the shard's own, carried to the poller
	from  ShardOffset
	now   bool
	reply chan []Entry // has a buffer of one
}

func newPoller(log Log, m *metrics, logger *zap.Logger) *poller {
	return &poller{log: log, metrics: m, zap: logger, asks: make(chan *ask)}
}

// next waits for events after a position and returns at most relayBatch of
// them. It returns no events if ctx has ended, or if stop is closed and
// everything has been read. If now is true, the shard is read at once instead
// of after a signal.
func (p *poller) next(ctx context.Context, from ShardOffset, now bool) []Entry {
	a := &ask{ctx: ctx, from: from, now: now, reply: make(chan []Entry, 1)}
	select {
	case p.asks <- a:
	case <-ctx.Done():
		return nil
	}
	select {
	case entries := <-a.reply:
		return entries
	case <-ctx.Done():
		return nil
	}
}

// run serves requests until ctx ends, which must outlive all requests. After
// stop, requests are answered with no events as soon as everything has been
// read.
func (p *poller) run(ctx context.Context, stop <-chan struct{}) {
	backoff := minBackoff
	var lastSign time.Time // the last sign that there may be commits elsewhere
	timer := time.NewTimer(busyPoll)
	defer timer.Stop()
	for stopping, broken := false, false; ; {
		polling := false
		select {
		case a := <-p.asks:
			p.take(a)
		case <-p.log.Wake().C():
			if p.others.Load() {
				if time.Since(lastSign) >= busyFor && !broken {
					timer.Reset(busyPoll)
				}
				lastSign = time.Now()
			}
		case <-timer.C:
			polling = true
		case <-stop:
			stop, stopping = nil, true
		case <-ctx.Done():
			return
		}
		if broken && !polling && !stopping {
			continue
		}
		p.gather(polling || stopping)
		found, err := p.read(ctx)
		switch {
		case err != nil:
			p.zap.Warn("the event log cannot be read, trying again", zap.Duration("in", backoff), zap.Error(err))
			timer.Reset(backoff)
			broken, backoff = true, min(2*backoff, maxBackoff)
		case polling:
			if found {
				lastSign = time.Now()
			}
			if time.Since(lastSign) < busyFor {
				timer.Reset(busyPoll)
			} else {
				timer.Reset(idlePoll)
			}
			fallthrough
		default:
			broken, backoff = false, minBackoff
		}
		if stopping {
			p.end()
		} else if found {
			sleep(readGap, stop)
		}
	}
}

// sleep returns after d, or when stop is closed.
func sleep(d time.Duration, stop <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stop:
	}
}

func (p *poller) take(a *ask) {
	p.waiting[a.from.Shard] = a
	if a.now {
		p.due[a.from.Shard] = true
	}
}

// gather marks the shards to read: all that wait, or those with a signal.
func (p *poller) gather(all bool) {
	for more := true; more; {
		select {
		case a := <-p.asks:
			p.take(a)
		default:
			more = false
		}
	}
	for _, shard := range p.log.Wake().Take() {
		p.due[shard] = true
	}
	for shard := range p.waiting {
		p.due[shard] = p.due[shard] || all
	}
}

// read reads all shards that wait and are due, and answers those for which it
// finds events.
func (p *poller) read(ctx context.Context) (found bool, err error) {
	for {
		var from []ShardOffset
		for shard, a := range p.waiting {
			if a != nil && a.ctx.Err() != nil {
				p.waiting[shard] = nil
			} else if a != nil && p.due[shard] {
				from = append(from, a.from)
				p.due[shard] = false // before the read, because a commit during the read is a new signal
			}
		}
		if len(from) == 0 {
			return found, nil
		}
		begun := time.Now()
		entries, err := p.log.Read(ctx, from, relayBatch)
		if err != nil {
			p.dueFrom(from, 0)
			p.lostSight(from, begun)
			return found, err
		}
		found = found || len(entries) > 0
		end := Shards // the shards before end have been read completely
		if len(entries) == relayBatch {
			end = Shard(entries[relayBatch-1].Subject)
			p.dueFrom(from, end)
		}
		p.answer(entries)
		p.sawNothing(from, end, begun)
	}
}

// lostSight records that these positions cannot be read. Events may have waited
// there since the last successful read.
func (p *poller) lostSight(from []ShardOffset, now time.Time) {
	for _, at := range from {
		if since := p.looked[at.Shard]; !since.IsZero() {
			p.metrics.blind(at.Shard, since)
		} else {
			p.metrics.blind(at.Shard, now)
		}
	}
}

// sawNothing records that the shards before end have no events for those that
// still wait.
func (p *poller) sawNothing(from []ShardOffset, end int, now time.Time) {
	for _, at := range from {
		if at.Shard < end && p.waiting[at.Shard] != nil {
			p.looked[at.Shard] = now
			p.metrics.pending(at.Shard, time.Time{})
		}
	}
}

// dueFrom marks the positions of shard and of later shards to be read again.
func (p *poller) dueFrom(from []ShardOffset, shard int) {
	for _, at := range from {
		p.due[at.Shard] = p.due[at.Shard] || at.Shard >= shard
	}
}

// answer distributes entries, which are in the order of their shards.
func (p *poller) answer(entries []Entry) {
	for len(entries) > 0 {
		shard := Shard(entries[0].Subject)
		n := 1
		for n < len(entries) && Shard(entries[n].Subject) == shard {
			n++
		}
		p.metrics.pending(shard, entries[0].Time)
		p.looked[shard] = time.Time{} // from now on, the time of the last failed read counts
		p.waiting[shard].reply <- entries[:n:n]
		p.waiting[shard] = nil
		entries = entries[n:]
	}
}

// end answers all waiting shards with no events.
func (p *poller) end() {
	for shard, a := range p.waiting {
		if a != nil {
			a.reply <- nil
			p.waiting[shard] = nil
		}
	}
}
