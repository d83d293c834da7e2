package background

import "golang.org/x/sys/unix"

const bootClock = unix.CLOCK_MONOTONIC // it counts while the machine sleeps
