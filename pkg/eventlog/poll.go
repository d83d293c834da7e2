package eventlog

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// A poller finds the events that other replicas commit, and those that this
// process committed just before it died, by polling. Local commits wake it, and
// do not wait for a poll.
const (
	// busyPoll is the interval for busyFor after a poll found an event. With
	// many replicas and few writes, the events of one shard are far apart, and
	// each of them still has to be prompt.
	busyPoll = 30 * time.Millisecond
	busyFor  = 2 * time.Minute
	// idlePoll is the interval otherwise.
	idlePoll = time.Second
	// readGap separates two reads that find events, so that under load one read
	// serves several events.
	readGap = 10 * time.Millisecond
)

// poller reads for the shards that wait for events, for all of them in one call.
type poller struct {
	log     Log
	metrics metrics
	zap     *zap.Logger
	asks    chan *ask
	waiting [Shards]*ask
	due     [Shards]bool      // has events that nobody has read, or may have
	looked  [Shards]time.Time // when nothing was found last
}

// ask is what a shard waits for.
type ask struct {
	ctx   context.Context //nolint:containedctx // the shard's own, carried to the poller
	from  ShardCursor
	now   bool
	reply chan []Entry // takes one
}

func newPoller(log Log, m metrics, logger *zap.Logger) *poller {
	return &poller{log: log, metrics: m, zap: logger, asks: make(chan *ask)}
}

// next returns the next events after a position as soon as there are any, at
// most relayBatch, or none once ctx has ended or all is read after stop. now has
// the shard read at once, without waiting for a sign that there is anything.
func (p *poller) next(ctx context.Context, from ShardCursor, now bool) []Entry {
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

// run serves until ctx ends, which outlives all that ask. After stop, who asks
// is told the end as soon as all is read.
func (p *poller) run(ctx context.Context, stop <-chan struct{}) {
	backoff := minBackoff
	var lastFound time.Time // by a poll
	timer := time.NewTimer(busyPoll)
	defer timer.Stop()
	for stopping, broken := false, false; ; {
		polling := false
		select {
		case a := <-p.asks:
			p.take(a)
		case <-p.log.Wake().C():
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
				lastFound = time.Now()
			}
			if time.Since(lastFound) < busyFor {
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

// gather notes what is to be read by now: all that waits, or what there is a
// sign of.
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

// read reads for all that wait and are due, and answers those that it finds
// events for.
func (p *poller) read(ctx context.Context) (found bool, err error) {
	for {
		var from []ShardCursor
		for shard, a := range p.waiting {
			if a != nil && a.ctx.Err() != nil {
				p.waiting[shard] = nil
			} else if a != nil && p.due[shard] {
				from = append(from, a.from)
				p.due[shard] = false // before it is read: what is committed meanwhile is a new sign
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
		end := Shards // of what was read
		if len(entries) == relayBatch {
			end = Shard(entries[relayBatch-1].Subject)
			p.dueFrom(from, end)
		}
		p.answer(entries)
		p.sawNothing(from, end, begun)
	}
}

// lostSight notes that positions cannot be read: what they have may be there
// since they were looked at last.
func (p *poller) lostSight(from []ShardCursor, now time.Time) {
	for _, at := range from {
		if since := p.looked[at.Shard]; !since.IsZero() {
			p.metrics.blind(at.Shard, since)
		} else {
			p.metrics.blind(at.Shard, now)
		}
	}
}

// sawNothing notes of the shards before end, which were read, those that wait
// on.
func (p *poller) sawNothing(from []ShardCursor, end int, now time.Time) {
	for _, at := range from {
		if at.Shard < end && p.waiting[at.Shard] != nil {
			p.looked[at.Shard] = now
			p.metrics.pending(at.Shard, time.Time{})
		}
	}
}

// dueFrom has the positions read again that are of that shard or a later one.
func (p *poller) dueFrom(from []ShardCursor, shard int) {
	for _, at := range from {
		p.due[at.Shard] = p.due[at.Shard] || at.Shard >= shard
	}
}

// answer hands out entries, which are in the order of their shards.
func (p *poller) answer(entries []Entry) {
	for len(entries) > 0 {
		shard := Shard(entries[0].Subject)
		n := 1
		for n < len(entries) && Shard(entries[n].Subject) == shard {
			n++
		}
		p.metrics.pending(shard, entries[0].Time)
		p.looked[shard] = time.Time{} // later, it is when what follows cannot be read
		p.waiting[shard].reply <- entries[:n:n]
		p.waiting[shard] = nil
		entries = entries[n:]
	}
}

// end tells all that wait that there is nothing more.
func (p *poller) end() {
	for shard, a := range p.waiting {
		if a != nil {
			a.reply <- nil
			p.waiting[shard] = nil
		}
	}
}
