// Package background runs the loops of a process while its fx app runs, and
// stops them in a fixed order within a bounded time.
package background

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Stage is the point of the shutdown at which a loop is stopped. All loops of a
// stage are stopped together.
type Stage int

// The stages, in order. Publishing loops stop before receiving loops, so that
// the last messages still reach their handlers.
const (
	Publishing Stage = iota
	Receiving
	stages
)

// stopWithin bounds each stage. When its own timeout expires (httpserver.Module
// sets it), fx skips the remaining stop hooks, so the drain of the server and
// all stages together must fit into that timeout.
var stopWithin = [stages]time.Duration{Publishing: 2 * time.Second, Receiving: 3 * time.Second}

// Group is the set of loops of a process.
type Group struct {
	die     func() // ends the process after a loop has failed
	clock   clock
	log     *zap.Logger
	loops   [stages][]loop
	cancel  [stages]context.CancelFunc
	running [stages]map[string]chan struct{} // keyed by the loop's name; closed when the loop has ended
}

type loop struct {
	name string
	run  func(context.Context) error
}

// Go runs the loop from the start of the app until the app's shutdown reaches
// stage, which cancels the loop's context and waits for it. If the loop returns
// earlier, the process exits with code 1: a restart is better than running
// without the loop. Go must be called before the app starts. Names must be
// unique.
func (g *Group) Go(stage Stage, name string, run func(ctx context.Context) error) {
	g.loops[stage] = append(g.loops[stage], loop{name, run})
}

// warmUp is how long tasks wait after the start, which they would slow down.
const warmUp = 5 * time.Second

// Every runs task 5 seconds after the start and then once per interval. task
// returns how many things it removed. A failure is logged and does not affect the
// next run.
func (g *Group) Every(interval time.Duration, name string, task func(ctx context.Context) (removed int64, err error)) {
	g.every(warmUp, interval, name, task)
}

func (g *Group) every(delay, interval time.Duration, name string, task func(ctx context.Context) (removed int64, err error)) {
	g.Go(Publishing, name, func(ctx context.Context) error {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return nil
		}
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			removed, err := task(ctx)
			if err != nil && ctx.Err() == nil {
				g.log.Warn("upkeep failed, trying again later", zap.String("task", name), zap.Error(err))
			}
			if removed > 0 {
				g.log.Info("upkeep", zap.String("task", name), zap.Int64("removed", removed))
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// EveryByClock is Every for a task that judges by the wall clock what is old
// enough to be removed. It skips runs while that clock has jumped, compared with
// the time that passed since the group was made: a clock that is ahead would make
// the task remove things that must still be kept. Runs resume when the clock is
// set right, or when the process starts again. Except on Linux and macOS, a machine
// that was suspended counts as one whose clock jumped.
func (g *Group) EveryByClock(interval time.Duration, name string, task func(ctx context.Context) (removed int64, err error)) {
	g.EveryByClockAfter(warmUp, interval, name, task)
}

// EveryByClockAfter is EveryByClock for a task that first runs after a longer
// delay.
func (g *Group) EveryByClockAfter(delay, interval time.Duration, name string, task func(ctx context.Context) (removed int64, err error)) {
	g.every(delay, interval, name, func(ctx context.Context) (int64, error) {
		if jump := g.clock.jump(); jump != 0 {
			return 0, fmt.Errorf("the clock has jumped by %v since the process started: set it right, or, if it is right now, restart the process", jump)
		}
		return task(ctx)
	})
}

func (g *Group) start(context.Context) error {
	for stage, loops := range g.loops {
		var ctx context.Context
		ctx, g.cancel[stage] = context.WithCancel(context.Background())
		g.running[stage] = make(map[string]chan struct{}, len(loops))
		for _, l := range loops {
			ended := make(chan struct{})
			g.running[stage][l.name] = ended
			go func() {
				defer close(ended)
				err := l.run(ctx)
				if ctx.Err() != nil {
					return
				}
				g.log.Error("a background loop died", zap.String("loop", l.name), zap.Error(err))
				g.die()
			}()
		}
	}
	return nil
}

func (g *Group) stop(ctx context.Context) error {
	var hanging []string
	for stage := range stages {
		g.cancel[stage]()
		hanging = append(hanging, g.wait(ctx, stage)...)
	}
	if hanging != nil {
		return fmt.Errorf("these background loops do not end: %s", strings.Join(hanging, ", "))
	}
	return nil
}

// wait returns the names of the loops that did not end in time.
func (g *Group) wait(ctx context.Context, stage Stage) (hanging []string) {
	ctx, cancel := context.WithTimeout(ctx, stopWithin[stage])
	defer cancel()
	for name, ended := range g.running[stage] {
		select {
		case <-ended:
			continue
		case <-ctx.Done():
		}
		select {
		case <-ended: // both at the same time
		default:
			hanging = append(hanging, name)
		}
	}
	return hanging
}
