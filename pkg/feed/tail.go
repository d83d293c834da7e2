package feed

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/concha-labs/backend/pkg/eventlog"
)

const (
	// pollEvery is the interval at which commits of other processes are found.
	// Local commits do not wait for it.
	pollEvery = time.Second
	// settle is the delay after a commit during which further commits are
	// collected. It limits a busy log to 200 wake-ups a second.
	settle = 5 * time.Millisecond
)

// tail notifies the followers of a log when its end moves. It polls the log
// only while there are followers, and once for all of them.
type tail struct {
	log   eventlog.Reader
	reads singleflight.Group

	mu        sync.Mutex
	followers int
	stop      context.CancelFunc
	change    chan struct{}
	quiet     eventlog.Position // the end of the log at the last poll without a change
	looked    time.Time         // the start of that poll; zero after a change
}

func newTail(log eventlog.Reader) *tail {
	return &tail{log: log, change: make(chan struct{})}
}

// follow registers a follower until unfollow is called.
func (t *tail) follow() (unfollow func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.followers++
	if t.followers == 1 {
		var ctx context.Context
		ctx, t.stop = context.WithCancel(context.Background())
		go t.watch(ctx, t.log.Committed())
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.followers--
		if t.followers == 0 {
			t.stop()
		}
	}
}

// changed returns a channel that is closed after a commit that a read which has
// begun already may not see. Call it only while following.
func (t *tail) changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.change
}

// end returns a newer position for a follower that reached the end of the log
// before since, after the same events as the follower's own. ok is false if
// there is none, or if changed is closed.
func (t *tail) end(changed <-chan struct{}, since time.Time) (p eventlog.Position, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.quiet, t.change == changed && t.looked.After(since)
}

func (t *tail) announce() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.change)
	t.change, t.looked = make(chan struct{}), time.Time{}
}

// watch announces changes. The first poll of a log that is not empty announces
// one, because it is unknown what the followers have read before it.
func (t *tail) watch(ctx context.Context, committed <-chan struct{}) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	var head eventlog.Position
	for {
		select {
		case <-ctx.Done():
			return
		case <-committed:
			select {
			case <-time.After(settle):
			case <-ctx.Done():
				return
			}
			committed = t.log.Committed() // before the followers read
			t.announce()
		case looked := <-poll.C:
			changed := t.changed()
			next, moved, err := t.log.Head(ctx, head)
			if err != nil {
				continue // the followers notice it themselves, or need not
			}
			if head = next; moved {
				t.announce()
				continue
			}
			t.mu.Lock()
			if t.change == changed {
				t.quiet, t.looked = head, looked
			}
			t.mu.Unlock()
		}
	}
}
