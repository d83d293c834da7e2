// Package background runs the loops of a process for as long as its fx app
// runs, and ends them in an order and a time that its stop can rely on.
package background

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Stage is when a loop ends, all of a stage at once.
type Stage int

// The stages, in their order. What publishes ends before what receives: the
// last messages still find their handler.
const (
	Publishing Stage = iota
	Receiving
	stages
)

// stopWithin bounds each stage. fx leaves out the stop hooks that remain when
// its own timeout (httpserver.Module sets it) is over, so the server's drain
// and the stages must fit into that together.
var stopWithin = [stages]time.Duration{Publishing: 2 * time.Second, Receiving: 3 * time.Second}

// Group is the loops of a process.
type Group struct {
	die     func() // ends the process, for a loop has died
	log     *zap.Logger
	loops   [stages][]loop
	cancel  [stages]context.CancelFunc
	running [stages]map[string]chan struct{} // by the loop's name, closed when it has ended
}

type loop struct {
	name string
	run  func(context.Context) error
}

// Go has the loop run from the app's start until its stop has reached the
// stage, which ends its context and waits. A loop that ends before that takes the
// process down with exit code 1: better restarted than running without it.
// Loops are added before the app starts, each under a name of its own.
func (g *Group) Go(stage Stage, name string, run func(ctx context.Context) error) {
	g.loops[stage] = append(g.loops[stage], loop{name, run})
}

// Every has task run at the start and then at intervals. It returns how many
// things it removed; a failure is logged, and the next run is due as always.
func (g *Group) Every(interval time.Duration, name string, task func(ctx context.Context) (removed int64, err error)) {
	g.Go(Publishing, name, func(ctx context.Context) error {
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

// wait returns the names of the loops that have not ended in time.
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
		case <-ended: // at the same time
		default:
			hanging = append(hanging, name)
		}
	}
	return hanging
}
