//go:build !linux

package interleave

import "time"

var begin = time.Now()

func now() int64 { return time.Since(begin).Nanoseconds() }
