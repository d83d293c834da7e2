package feed

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/concha-labs/backend/pkg/eventlog"
)

const (
	// pollEvery finds what other processes committed. Local commits do not wait
	// for it.
	pollEvery = time.Second
	// settle is what the first of several commits waits for the others, so that
	// a busy log wakes its followers 200 times a second at most.
	settle = 5 * time.Millisecond
)

// tail tells all who follow a log of changes at its end. It watches the log for
// as long as somebody does, once for all of them.
type tail struct {
	log   eventlog.Reader
	reads singleflight.Group

	mu        sync.Mutex
	followers int
	stop      context.CancelFunc
	change    chan struct{}
	quiet     eventlog.Position // where a look found the end, and no change
	looked    time.Time         // when that look began; zero after a change
}

func newTail(log eventlog.Reader) *tail {
	return &tail{log: log, change: make(chan struct{})}
}

// follow begins to follow the log, until unfollow is called.
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

// changed returns a channel that is closed when something is committed that a
// read which begins now may not see. Only while following.
func (t *tail) changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.change
}

// end returns a position that is behind the same events as that of a follower
// who came to the end of the log before since, and is younger; it is not ok if
// there is none, or changed is closed.
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

// watch announces changes. The first look at a log that is not empty is one: it
// is not known what the followers saw before it.
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
				continue // the followers notice by themselves, or need not
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
