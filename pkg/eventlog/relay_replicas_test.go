package eventlog_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog"
)

func TestRelayFollowsOthersClosely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		stop := run(t, l, broker)
		defer stop()
		time.Sleep(time.Minute)
		var worst time.Duration
		for version := range int64(100) { // without a signal: they come from another process
			l.append("account/1", version+1)
			begin := time.Now()
			for {
				broker.mu.Lock()
				n := len(broker.got["account/1"])
				broker.mu.Unlock()
				if n == int(version)+1 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			if took := time.Since(begin); version > 0 { // the first one ends the idle interval
				worst = max(worst, took)
			}
		}
		if worst > 60*time.Millisecond {
			t.Errorf("an event of a busy replica was found after %v", worst)
		}
	})
}

// With few writes and many replicas, the events of one replica's shards are
// rare. Each is still published promptly.
func TestRelayFollowsRareEventsClosely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		stop := run(t, l, broker)
		defer stop()
		for version := range int64(10) {
			l.append("account/1", version+1) // by another process
			begin := time.Now()
			for {
				broker.mu.Lock()
				n := len(broker.got["account/1"])
				broker.mu.Unlock()
				if n == int(version)+1 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			if took := time.Since(begin); version > 0 && took > 35*time.Millisecond {
				t.Errorf("event %d was found after %v, want at most 35 ms", version+1, took)
			}
			time.Sleep(44 * time.Second)
		}
		time.Sleep(3 * time.Minute)
		l.set(func() { l.reads = 0 })
		time.Sleep(time.Minute)
		l.set(func() {
			if l.reads > 61 {
				t.Errorf("%d reads in a minute without events, want at most one a second", l.reads)
			}
		})
	})
}

// A replica that shares the log with others polls closely after its own commits,
// because others probably commit too. One that is alone does not.
func TestRelayPollsAfterItsOwnCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for replicas, want := range map[int]int{1: 61 + 10, 2: 2 * int(time.Minute/(25*time.Millisecond))} {
			l, broker := newMemoryLog(), newRecorder()
			var stops []func()
			for range replicas {
				stops = append(stops, run(t, l, broker))
			}
			time.Sleep(2 * time.Minute)
			l.set(func() { l.reads = 0 })
			for version := range int64(6) {
				l.append("account/1", version+1)
				l.wake.Notify("account/1")
				time.Sleep(10 * time.Second)
			}
			l.set(func() {
				if few := l.reads <= 61+10; l.reads > want+10 || few != (replicas == 1) {
					t.Errorf("%d replicas make %d reads in a minute", replicas, l.reads)
				}
			})
			for _, stop := range stops {
				stop()
			}
		}
	})
}

// Twenty replicas cause no more database calls than sixteen, and a free place
// is filled.
func TestRelaySpareReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, broker := newMemoryLog(), newRecorder()
		var stops []func()
		for range eventlog.Shards {
			stops = append(stops, run(t, l, broker))
		}
		time.Sleep(time.Minute)
		calls := func() (n int) {
			l.set(func() { l.reads, l.claims = 0, 0 })
			time.Sleep(time.Minute)
			l.set(func() { n = l.reads + l.claims })
			return n
		}
		sixteen := calls()
		for range 4 {
			stops = append(stops, run(t, l, broker))
		}
		time.Sleep(time.Minute)
		if twenty := calls(); twenty > sixteen+sixteen/20 {
			t.Errorf("twenty replicas make %d calls a minute, sixteen make %d", twenty, sixteen)
		}
		for _, stop := range stops[:4] {
			stop()
		}
		time.Sleep(time.Minute)
		l.set(func() {
			if n := len(l.leases.Expires); n != eventlog.Shards {
				t.Errorf("after four of twenty have left, %d replicas are registered, want %d", n, eventlog.Shards)
			}
		})
		for _, stop := range stops[4:] {
			stop()
		}
	})
}

// slowClaims is a log whose claims take so long that a publisher which is to
// end has ended meanwhile.
type slowClaims struct{ *memoryLog }

func (l slowClaims) Claim(ctx context.Context, replica string, release []int) ([]eventlog.Lease, int, error) {
	time.Sleep(5 * time.Millisecond)
	return l.memoryLog.Claim(ctx, replica, release)
}

func TestRelaySharesThoughClaimsAreSlow(t *testing.T) {
	for range 20 { // publishers end in a random order
		synctest.Test(t, func(t *testing.T) {
			l := slowClaims{newMemoryLog()}
			defer run(t, l, newRecorder())()
			time.Sleep(time.Second)
			defer run(t, l, newRecorder())()
			time.Sleep(5 * time.Second)
			l.set(func() {
				for replica := range l.leases.Expires {
					if n := len(l.leases.Owned(replica)); n != eventlog.Shards/2 {
						t.Errorf("one of two replicas has %d leases, want %d", n, eventlog.Shards/2)
					}
				}
				l.claims = 0
			})
			time.Sleep(10 * time.Second)
			l.set(func() {
				if l.claims > 12 {
					t.Errorf("two replicas with their shares claimed %d times in 10 s, want at most 12", l.claims)
				}
			})
		})
	}
}
