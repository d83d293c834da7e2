//go:build unix

package httpserver

import (
	"math"
	"syscall"
)

// descriptors returns how many file descriptors the process may have open.
func descriptors() int64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || uint64(limit.Cur) > math.MaxInt32 { //nolint:unconvert // signed on some systems
		return math.MaxInt32
	}
	return int64(limit.Cur)
}
