//go:build !unix

package httpserver

import "math"

// descriptors returns how many file descriptors the process may have open.
func descriptors() int64 { return math.MaxInt32 }
