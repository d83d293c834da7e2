package eventlog

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"
)

const (
	claimEvery = 2 * time.Second // while the replica has its share
	claimAgain = time.Second     // after a failure
	// claimSoon is the interval of a replica with fewer leases than its share:
	// another replica is about to release shards, or has died.
	claimSoon = 250 * time.Millisecond
	// claimIdle is the interval of a replica without a share, one beyond
	// Shards. It only fills a free place, because the registered replicas take
	// over each other's shards.
	claimIdle = 15 * time.Second
	// retireWithin bounds the batch under way in a shard that the replica
	// releases.
	retireWithin = 2 * time.Second
)

// holder holds leases and runs a publisher for each of their shards.
type holder struct {
	log     Log
	zap     *zap.Logger
	replica string
	metrics *metrics
	poller  *poller
	ended   chan struct{}

	held map[int]*held
	term context.Context // ends when the leases expire
	over context.CancelFunc
	end  *time.Timer // ends the term
}

// held is a lease under which a shard is published.
type held struct {
	epoch   int64
	cancel  context.CancelFunc
	surplus bool               // the shard is released once done is closed
	retire  context.CancelFunc // ends publishing after the batch under way
	done    chan struct{}      // closed when publishing under the lease has ended
}

// publish publishes the events of a shard after an offset until ctx ends, or
// until retired ends and no batch is under way.
type publish func(ctx, retired context.Context, lease Lease, after Offset)

// run claims leases until ctx ends. It returns when all publishers have ended,
// which they do after ctx, and at the latest when work ends.
func (h *holder) run(ctx, work context.Context, publish publish) {
	h.held = make(map[int]*held)
	h.newTerm(work)
	defer func() { h.over() }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-h.ended:
		case <-ctx.Done():
			for _, s := range h.held {
				<-s.done
			}
			h.metrics.owned.Set(0)
			return
		}
		timer.Reset(h.claim(ctx, work, publish))
	}
}

// claim renews the leases and adjusts them to the replica's share. It returns
// the time until the next claim.
func (h *holder) claim(ctx, work context.Context, publish publish) time.Duration {
	var release []int
	for shard, s := range h.held {
		if s.surplus && s.hasEnded() {
			release = append(release, shard)
		}
	}
	begun := time.Now()
	leases, share, err := h.log.Claim(ctx, h.replica, release)
	if err != nil {
		h.failed(ctx, begun, err)
		return claimAgain
	}
	// The term starts before the call, so it ends before the lease in the
	// database.
	if !h.end.Stop() {
		h.over()
		h.newTerm(work)
	}
	h.end.Reset(LeaseTTL - time.Since(begun))
	h.drop(leases)
	if err := h.begin(ctx, leases, publish); err != nil {
		h.failed(ctx, begun, err)
		return claimAgain
	}
	h.metrics.owned.Set(float64(len(h.held)))
	h.poller.others.Store(len(h.held) < Shards)
	h.retire(share)
	switch {
	case share == 0 && len(h.held) == 0:
		return claimIdle
	case len(h.held) < share:
		return claimSoon
	}
	return claimEvery
}

// failed reports that claiming has failed since begun.
func (h *holder) failed(ctx context.Context, begun time.Time, err error) {
	if ctx.Err() != nil {
		return
	}
	h.zap.Warn("the leases of the event log are not renewed, trying again", zap.Ints("shards", slices.Sorted(maps.Keys(h.held))), zap.Error(err))
	for shard := range Shards {
		h.metrics.blind(shard, begun)
	}
}

func (h *holder) newTerm(work context.Context) {
	h.term, h.over = context.WithCancel(work)
	h.end = time.AfterFunc(LeaseTTL, h.over)
}

// drop stops publishing the shards that are no longer in leases. It forgets those
// whose publishers have ended, so that begin starts them again, except for
// surplus shards: their publishers may have ended during the claim.
func (h *holder) drop(leases []Lease) {
	epochs := make(map[int]int64, len(leases))
	for _, lease := range leases {
		epochs[lease.Shard] = lease.Epoch
	}
	for shard, s := range h.held {
		if epoch, ok := epochs[shard]; !ok || epoch != s.epoch || s.hasEnded() && !s.surplus {
			s.cancel()
			<-s.done
			delete(h.held, shard)
			h.metrics.leasesChanged.Inc()
		}
	}
	for shard := range Shards {
		if _, ok := epochs[shard]; !ok {
			h.metrics.pending(shard, time.Time{}) // another replica reports it now
		}
	}
}

// begin starts publishing the shards that are new in leases, each from its
// saved offset. It reads the offsets only if there is a new shard.
func (h *holder) begin(ctx context.Context, leases []Lease, publish publish) error {
	fresh := slices.DeleteFunc(leases, func(l Lease) bool { return h.held[l.Shard] != nil })
	if len(fresh) == 0 {
		return nil
	}
	published, err := h.log.Published(ctx)
	if err != nil {
		return err
	}
	for _, lease := range fresh {
		h.publish(lease, published[lease.Shard], publish)
		h.metrics.leasesChanged.Inc()
	}
	return nil
}

func (h *holder) publish(lease Lease, after Offset, publish publish) {
	ctx, cancel := context.WithCancel(h.term)
	retired, retire := context.WithCancel(ctx)
	s := &held{epoch: lease.Epoch, cancel: cancel, retire: retire, done: make(chan struct{})}
	h.held[lease.Shard] = s
	go func() {
		defer func() {
			cancel()
			close(s.done)
			select {
			case h.ended <- struct{}{}:
			default:
			}
		}()
		publish(ctx, retired, lease, after)
	}()
}

// retire ends publishing of surplus shards, so that share remain. The next
// claim releases them.
func (h *holder) retire(share int) {
	surplus := len(h.held) - share
	for _, s := range h.held {
		if s.surplus {
			surplus--
		}
	}
	for _, s := range h.held {
		if surplus > 0 && !s.surplus {
			surplus--
			s.surplus = true
			s.retire()
			time.AfterFunc(retireWithin, s.cancel)
		}
	}
}

func (s *held) hasEnded() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}
