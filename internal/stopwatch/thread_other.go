//go:build !linux

package stopwatch

// Thread is Wall: no portable call tells more.
func Thread() int64 { return Wall() }

// Process is Wall: no portable call tells more.
func Process() int64 { return Wall() }
