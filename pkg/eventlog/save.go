package eventlog

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"go.uber.org/zap/zapcore"
)

// errLeaseLost means that a shard has another owner by now.
var errLeaseLost = errors.New("the lease is lost")

// saver saves the offsets of all shards that are waiting in one transaction. An
// outage of the database fails all of them, so one reports it.
type saver struct {
	log   Log
	queue chan save

	failing atomic.Bool // the last transaction failed
}

type save struct {
	Progress
	done chan error // has a buffer of one
}

// save returns nil after the progress has been saved. Errors: errLeaseLost,
// those of Log.SavePublished, and the error of ctx.
func (s *saver) save(ctx context.Context, done Progress) error {
	one := save{done, make(chan error, 1)}
	select {
	case s.queue <- one:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-one.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// level returns the level at which a shard logs a failed save: the first one of
// an outage warns.
func (s *saver) level() zapcore.Level {
	if s.failing.CompareAndSwap(false, true) {
		return zapcore.WarnLevel
	}
	return zapcore.DebugLevel
}

// run serves requests until ctx ends, which must outlive all requests.
func (s *saver) run(ctx context.Context) {
	for {
		var group []save
		select {
		case one := <-s.queue:
			group = append(group, one)
		case <-ctx.Done():
			return
		}
		for more := true; more; {
			select {
			case one := <-s.queue:
				group = append(group, one)
			default:
				more = false
			}
		}
		done := make([]Progress, len(group))
		for i, one := range group {
			done[i] = one.Progress
		}
		lost, err := s.log.SavePublished(ctx, done)
		if err == nil {
			s.failing.Store(false)
		}
		for _, one := range group {
			if err == nil && slices.Contains(lost, one.Shard) {
				one.done <- errLeaseLost
				continue
			}
			one.done <- err
		}
	}
}
