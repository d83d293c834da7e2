//go:build linux || darwin

package background

import (
	"time"

	"golang.org/x/sys/unix"
)

// uptime returns the time since an arbitrary point, including the time for which
// the machine was suspended. The monotonic clock of package time leaves that out.
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(bootClock, &t); err != nil { // an unusual sandbox
		return sinceStart()
	}
	return time.Duration(t.Nano())
}
