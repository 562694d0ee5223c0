package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// harden keeps the keys in this process from its neighbors: no core file, and
// no other process of the same user may trace it or read its memory.
func harden() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("zonebox: harden: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("zonebox: harden: %w", err)
	}
	return nil
}
