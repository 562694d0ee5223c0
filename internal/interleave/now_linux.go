package interleave

import "golang.org/x/sys/unix"

// now returns the time the calling thread has run, in nanoseconds.
func now() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic("interleave: " + err.Error())
	}
	return t.Nano()
}
