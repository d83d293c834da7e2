package background

import "time"

// clock compares the wall clock with the monotonic clock.
type clock struct {
	wall    func() time.Time
	elapsed func() time.Duration // since started, by the monotonic clock
	started time.Time
}

func newClock() clock {
	started := time.Now()
	return clock{time.Now, func() time.Duration { return time.Since(started) }, started.Round(0)}
}

// jump returns by how much the wall clock has moved beyond the time that passed.
// It returns 0 up to a minute, and up to a thousandth of that time, as operating
// systems correct a clock that drifts.
func (c clock) jump() time.Duration {
	elapsed := c.elapsed()
	jump := c.wall().Round(0).Sub(c.started) - elapsed
	if jump.Abs() <= time.Minute+elapsed/1000 {
		return 0
	}
	return jump.Round(time.Second)
}
