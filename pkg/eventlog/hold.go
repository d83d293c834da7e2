package eventlog

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// A replica renews its leases each claimEvery, after a failure each claimAgain,
// and asks for more each claimSoon while it has less than its share: somebody is
// about to give them up, or has died. retireWithin is what a shard that is given
// up has to finish what is under way.
const (
	claimEvery   = 2 * time.Second
	claimAgain   = time.Second
	claimSoon    = 250 * time.Millisecond
	retireWithin = 2 * time.Second
)

// holder holds leases and has their shards published for as long.
type holder struct {
	log     Log
	zap     *zap.Logger
	replica string
	metrics metrics
	ended   chan struct{}

	held map[int]*held
	term context.Context // of the leases: ends when they expire
	over context.CancelFunc
	end  *time.Timer // of the term
}

// held is a lease in use.
type held struct {
	epoch   int64
	cancel  context.CancelFunc
	retired context.Context // ends when the shard is to be given up
	retire  context.CancelFunc
	done    chan struct{} // closed when nothing is published under it any more
}

// publish publishes a shard until the first context ends, or the second does
// and nothing is under way.
type publish func(ctx, retired context.Context, lease Lease)

// run claims until ctx ends, and returns when all that publishes has ended,
// after ctx by itself and with work at the latest.
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
			return
		}
		timer.Reset(h.claim(ctx, work, publish))
	}
}

// claim renews what is held, and has it changed to what is due to this replica.
// It returns when to claim again.
func (h *holder) claim(ctx, work context.Context, publish publish) time.Duration {
	var release []int
	for shard, s := range h.held {
		if s.retired.Err() != nil && s.hasEnded() {
			release = append(release, shard)
		}
	}
	begun := time.Now()
	leases, share, err := h.log.Claim(ctx, h.replica, release)
	if err != nil {
		if ctx.Err() == nil {
			h.zap.Warn("the leases of the event log are not renewed, trying again", zap.Error(err))
			for shard := range Shards {
				h.metrics.blind(shard, begun)
			}
		}
		return claimAgain
	}
	// Counted from before the call, this term ends before that of the database.
	if !h.end.Stop() {
		h.over()
		h.newTerm(work)
	}
	h.end.Reset(LeaseTTL - time.Since(begun))
	h.adopt(leases, publish)
	h.retire(share)
	if len(h.held) < share {
		return claimSoon
	}
	return claimEvery
}

func (h *holder) newTerm(work context.Context) {
	h.term, h.over = context.WithCancel(work)
	h.end = time.AfterFunc(LeaseTTL, h.over)
}

// adopt ends what is held no more and begins what is new.
func (h *holder) adopt(leases []Lease, publish publish) {
	epochs := make(map[int]int64, len(leases))
	for _, lease := range leases {
		epochs[lease.Shard] = lease.Epoch
	}
	for shard, s := range h.held {
		if epoch, ok := epochs[shard]; !ok || epoch != s.epoch || s.hasEnded() {
			s.cancel()
			<-s.done
			delete(h.held, shard)
			h.metrics.leaseChanged(1)
		}
	}
	for shard := range Shards {
		if _, ok := epochs[shard]; !ok {
			h.metrics.pending(shard, time.Time{}) // somebody else's
		}
	}
	for _, lease := range leases {
		if h.held[lease.Shard] == nil {
			h.begin(lease, publish)
			h.metrics.leaseChanged(1)
		}
	}
}

func (h *holder) begin(lease Lease, publish publish) {
	ctx, cancel := context.WithCancel(h.term)
	retired, retire := context.WithCancel(ctx)
	s := &held{epoch: lease.Epoch, cancel: cancel, retired: retired, retire: retire, done: make(chan struct{})}
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
		publish(ctx, retired, lease)
	}()
}

// retire has so many shards end that share remain. They are released by the
// next claim.
func (h *holder) retire(share int) {
	surplus := len(h.held) - share
	for _, s := range h.held {
		if s.retired.Err() != nil {
			surplus--
		}
	}
	for _, s := range h.held {
		if surplus > 0 && s.retired.Err() == nil {
			surplus--
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
