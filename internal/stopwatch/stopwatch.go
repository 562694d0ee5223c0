// Package stopwatch tells times for measuring: that of the wall, and that which
// the calling thread or the whole process has run, which leaves out what others
// took of a busy machine. Only differences mean anything.
package stopwatch

import "time"

var begin = time.Now()

// Wall returns the nanoseconds since some moment, on a clock that nobody sets.
func Wall() int64 { return time.Since(begin).Nanoseconds() }
