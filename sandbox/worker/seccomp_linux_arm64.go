package worker

import "golang.org/x/sys/unix"

// The list of this processor is reviewed and has not been tried: no such machine
// has run it. arm64 has no fork, vfork, open, stat, access, unlink, time or
// epoll_wait; the C library uses the calls with a directory (openat, fstatat,
// faccessat, unlinkat) and clock_gettime in their place.
const auditArch = unix.AUDIT_ARCH_AARCH64

var (
	archAllowed, archKilled []uint32
	archSpill               = []uint32{unix.SYS_FSTATAT, unix.SYS_FACCESSAT2}
)
