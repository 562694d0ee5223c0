package stopwatch

import "golang.org/x/sys/unix"

// Thread returns the time the calling thread has run, in nanoseconds. The caller
// has locked its goroutine to it.
func Thread() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic("stopwatch: " + err.Error())
	}
	return t.Nano()
}

// Process returns the time that all threads of the process have run, in nanoseconds.
func Process() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic("stopwatch: " + err.Error())
	}
	return t.Nano()
}
