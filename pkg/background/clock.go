package background

import "time"

// clock compares the wall clock with the time that really passed.
type clock struct {
	wall    func() time.Time
	uptime  func() time.Duration // since an arbitrary point
	started time.Time            // by the wall clock
	begun   time.Duration        // by uptime
}

func newClock(wall func() time.Time, uptime func() time.Duration) clock {
	return clock{wall, uptime, wall().Round(0), uptime()}
}

var programStart = time.Now()

func sinceStart() time.Duration { return time.Since(programStart) }

// jump returns by how much the wall clock has moved beyond the time that passed.
// It returns 0 up to a minute, and up to a thousandth of that time, as operating
// systems correct a clock that drifts.
func (c clock) jump() time.Duration {
	elapsed := c.uptime() - c.begun
	jump := c.wall().Round(0).Sub(c.started) - elapsed
	if jump.Abs() <= time.Minute+elapsed/1000 {
		return 0
	}
	return jump.Round(time.Second)
}
