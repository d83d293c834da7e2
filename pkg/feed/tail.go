package feed

import (
	"context"
	"time"

	"github.com/concha-labs/backend/pkg/eventlog"
)

const (
	// pollEvery is the interval at which commits of other processes are found.
	// Local commits do not wait for it.
	pollEvery = time.Second
	// busyPoll is the interval for busyFor after a poll found an event.
	busyPoll = 100 * time.Millisecond
	busyFor  = 5 * time.Second
	// settle is the delay after a commit during which further commits are
	// collected. It limits a busy log to 200 wake-ups a second.
	settle = 5 * time.Millisecond
	// tailPage is the number of events that a tail reads at once.
	tailPage = 500
)

// tail reads the end of a log once for all followers, and keeps the newest
// events in its ring. It runs only while there are followers.
type tail struct {
	ring
	log       eventlog.Reader
	begun     chan struct{} // closed when the ring has begun or failed
	stop      context.CancelFunc
	followers int // guarded by Feed.mu
}

// follow returns the tail of the log, for a follower that calls leave at its
// end. Errors: those of eventlog.Reader.Head, and the cause of ctx.
func (f *Feed) follow(ctx context.Context) (t *tail, leave func(), err error) {
	f.mu.Lock()
	if f.tail == nil {
		running, stop := context.WithCancel(context.Background())
		f.tail = &tail{ring: newRing(f.log), log: f.log, begun: make(chan struct{}), stop: stop}
		go f.run(running, f.tail)
	}
	t = f.tail
	t.followers++
	f.mu.Unlock()
	leave = func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		t.followers--
		if t.followers == 0 {
			f.end(t)
		}
	}
	select {
	case <-t.begun:
		err = t.failure()
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		leave()
		return nil, nil, err
	}
	return t, leave, nil
}

// end stops a tail. The next follower starts another one. Call it with f.mu.
func (f *Feed) end(t *tail) {
	t.stop()
	if f.tail == t {
		f.tail = nil
	}
}

// run fills the ring of a tail until ctx ends. If the log cannot be read after a
// commit, the tail ends, and its followers with it: their clients learn of the
// failure, and come back.
func (f *Feed) run(ctx context.Context, t *tail) {
	err := t.watch(ctx)
	f.mu.Lock()
	f.end(t)
	f.mu.Unlock()
	t.fail(err)
	select {
	case <-t.begun:
	default:
		close(t.begun)
	}
}

func (t *tail) watch(ctx context.Context) error {
	committed := t.log.Committed() // before the first read
	head, _, err := t.log.Head(ctx, eventlog.Position{})
	if err != nil {
		return err
	}
	t.begin(head)
	close(t.begun)
	poll := time.NewTimer(pollEvery)
	defer poll.Stop()
	var busyUntil time.Time
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-committed:
			select {
			case <-time.After(settle):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			committed = t.log.Committed()
			if _, err := t.advance(ctx); err != nil {
				return err
			}
		case now := <-poll.C:
			// A failure to poll is not reported: there may be no event.
			if found, _ := t.look(ctx); found {
				busyUntil = now.Add(busyFor)
			}
			if now.Before(busyUntil) {
				poll.Reset(busyPoll)
			} else {
				poll.Reset(pollEvery)
			}
		}
	}
}

// look advances if there is a new event. An idle log costs one read of its head.
func (t *tail) look(ctx context.Context) (found bool, err error) {
	head, moved, err := t.log.Head(ctx, t.last())
	if err != nil {
		return false, err
	}
	if !moved {
		t.add(eventlog.Page{Next: head})
		return false, nil
	}
	return t.advance(ctx)
}

// advance adds the new events of the log to the ring and reports whether there
// were any.
func (t *tail) advance(ctx context.Context) (found bool, err error) {
	for full := true; full; {
		page, err := t.log.Page(ctx, t.last(), tailPage)
		if err != nil {
			return found, err
		}
		t.add(page)
		full = len(page.Records) == tailPage
		found = found || len(page.Records) > 0
	}
	return found, nil
}
