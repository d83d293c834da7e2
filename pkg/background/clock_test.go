package background

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestTasksByTheClockAreSkippedWhileItHasJumped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead, byClock, always atomic.Int64
		logs, seen := observer.New(zap.WarnLevel)
		clock := newClock(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }, sinceStart)
		g := &Group{log: zap.New(logs), clock: clock, die: func() { t.Error("the process is taken down") }}
		g.EveryByClock(time.Hour, "purge", func(context.Context) (int64, error) { byClock.Add(1); return 0, nil })
		g.Every(time.Hour, "checkpoint", func(context.Context) (int64, error) { always.Add(1); return 0, nil })
		if err := g.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(warmUp)
		synctest.Wait()
		for _, c := range []struct {
			ahead time.Duration
			want  int64 // runs so far
		}{{30 * time.Second, 2}, {90 * 24 * time.Hour, 2}, {-2 * time.Hour, 2}, {0, 3}, {-time.Minute, 4}} {
			ahead.Store(int64(c.ahead))
			time.Sleep(time.Hour)
			synctest.Wait()
			if runs := byClock.Load(); runs != c.want {
				t.Errorf("%d runs while the clock is %v ahead, want %d", runs, c.ahead, c.want)
			}
		}
		if runs := always.Load(); runs != 6 {
			t.Errorf("a task that does not heed the clock ran %d times, want 6", runs)
		}
		if n := seen.Len(); n != 2 {
			t.Errorf("%d warnings, want one for each run that was skipped: %v", n, seen.All())
		}
		if err := g.stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A machine that was suspended is not one whose clock jumped.
func TestTheUptimeCountsLikeTheWallClock(t *testing.T) {
	var slept atomic.Int64
	wall := func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
	clock := newClock(wall, func() time.Duration { return uptime() + time.Duration(slept.Load()) })
	if before, after := uptime(), uptime(); before > after || after-before > time.Minute {
		t.Errorf("the uptime is %v, then %v", before, after)
	}
	slept.Store(int64(8 * time.Hour))
	if jump := clock.jump(); jump != 0 {
		t.Errorf("a jump of %v after a sleep", jump)
	}
}

func TestATaskThatWaitsAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		g := &Group{log: zap.NewNop(), clock: newClock(time.Now, sinceStart), die: func() { t.Error("the process is taken down") }}
		g.EveryByClockAfter(10*time.Minute, time.Hour, "sweep", func(context.Context) (int64, error) { runs.Add(1); return 0, nil })
		if err := g.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int64{0, 1, 2} {
			time.Sleep(9 * time.Minute)
			synctest.Wait()
			if got := runs.Load(); got != want {
				t.Errorf("%d runs, want %d", got, want)
			}
			time.Sleep(51 * time.Minute)
		}
		if err := g.stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
