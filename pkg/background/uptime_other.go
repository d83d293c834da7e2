//go:build !linux && !darwin

package background

import "time"

// uptime returns the time since an arbitrary point. On some systems it leaves out
// the time for which the machine was suspended.
func uptime() time.Duration { return sinceStart() }
